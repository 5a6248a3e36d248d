"""torchvision's weights: addresses, sizes and numbers of its `models/` (0.28).

The ending of a file's name is the beginning of its sha256, which is all that is published of it. The licence of the
library is BSD-3-Clause; of the weights it says that terms of their data may bind.
"""

from atrous.labels import PASCAL_VOC, LabelSpace
from atrous.weights.entry import Entry, Published

_PLACE = "https://download.pytorch.org/models"
_LICENCE = "BSD-3-Clause; terms of the data may bind"
_COCO = "COCO 2017 train, classes of VOC"


def _entry(
    name: str, file: str, mebibytes: float, data: str, *published: Published, source: str, rows: LabelSpace | None
) -> Entry:
    return Entry(
        name=f"torchvision-{name}",
        file=f"{file}.pth",
        urls=(f"{_PLACE}/{file}.pth",),
        digest=f"sha256:{file.rpartition('-')[2]}",
        size=None,
        licence=_LICENCE,
        source=f"torchvision: {source}",
        data=data,
        mebibytes=mebibytes,
        rows=rows,
        published=published,
    )


def _segments(name: str, file: str, mebibytes: float, miou: float, accuracy: float, *, source: str) -> Entry:
    on, protocol = "COCO 2017 val, classes of VOC", "shorter side 520 pixels, scale 1, no flip"
    published = Published("mIoU", miou, on, protocol), Published("pixel accuracy", accuracy, on, protocol)
    return _entry(name, file, mebibytes, _COCO, *published, source=source, rows=PASCAL_VOC)


def _classifies(name: str, file: str, mebibytes: float, top_1: float, *, source: str) -> Entry:
    published = Published("top-1", top_1, "ImageNet val", "224x224, middle crop")
    return _entry(name, file, mebibytes, "ImageNet", published, source=source, rows=None)


TORCHVISION = (
    _segments("deeplabv3-resnet50", "deeplabv3_resnet50_coco-cd0a2569", 160.515, 66.4, 92.4,
              source="DeepLabv3, ResNet-50"),
    _segments("deeplabv3-resnet101", "deeplabv3_resnet101_coco-586e9e4e", 233.217, 67.4, 92.4,
              source="DeepLabv3, ResNet-101"),
    _segments("deeplabv3-mobilenetv3", "deeplabv3_mobilenet_v3_large-fc3c493d", 42.301, 60.3, 91.2,
              source="DeepLabv3, MobileNetV3 Large"),
    _segments("lraspp-mobilenetv3", "lraspp_mobilenet_v3_large-d234d4ea", 12.49, 57.9, 91.2,
              source="Lite R-ASPP, MobileNetV3 Large"),
    _classifies("resnet50-v1", "resnet50-0676ba61", 97.781, 76.130, source="ResNet-50"),
    _classifies("resnet50-v2", "resnet50-11ad3fa6", 97.79, 80.858, source="ResNet-50, newer recipe"),
    _classifies("resnet101-v1", "resnet101-63fe2227", 170.511, 77.374, source="ResNet-101"),
    _classifies("resnet101-v2", "resnet101-cd907fc2", 170.53, 81.886, source="ResNet-101, newer recipe"),
    _classifies("mobilenetv2-v1", "mobilenet_v2-b0353104", 13.555, 71.878, source="MobileNetV2"),
    _classifies("mobilenetv2-v2", "mobilenet_v2-7ebf99e0", 13.598, 72.154, source="MobileNetV2, newer recipe"),
    _classifies("mobilenetv3-large-v1", "mobilenet_v3_large-8738ca79", 21.114, 74.042, source="MobileNetV3 Large"),
    _classifies("mobilenetv3-large-v2", "mobilenet_v3_large-5c1a4163", 21.107, 75.274,
                source="MobileNetV3 Large, newer recipe"),
    _classifies("mobilenetv3-small-v1", "mobilenet_v3_small-047dcff4", 9.829, 67.668, source="MobileNetV3 Small"),
)  # fmt: skip
"""What this package can read of them: DeepLabv3, Lite R-ASPP, and the classifiers with their backbones."""
