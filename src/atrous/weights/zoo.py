"""The official model zoo of DeepLab: `research/deeplab/g3doc/model_zoo.md` and `quantize.md` of `tensorflow/models`.

Sizes are rounded there, and digests are not published; that of `mobilenetv2-voc` is the Open Model Zoo's (OpenVINO),
which mirrors the file. Names without an ending were trained on what leaves the validation set unseen.
"""

from atrous.importers.tensorflow.recognition import REFUSED
from atrous.labels import ADE20K, CITYSCAPES, PASCAL_VOC, LabelSpace
from atrous.weights.entry import Entry, Published

_PLACES = (
    "https://download.tensorflow.org/models",
    "https://storage.googleapis.com/download.tensorflow.org/models",  # the bucket that the first one stands for
)
_OPEN_MODEL_ZOO = "https://storage.openvinotoolkit.org/repositories/open_model_zoo/public/2022.1"

_IMAGENET, _COCO = "ImageNet", "ImageNet, COCO"
_VOC, _VOC_ALL = f"{_COCO}, VOC 2012 trainaug", f"{_COCO}, VOC 2012 trainaug, VOC 2012 trainval"
_VOC_SCALES, _STREET_SCALES = "0.5 to 1.75 by 0.25", "0.75 to 1.25 by 0.25"

ADE20K_ROWS = LabelSpace(("unlabelled", *ADE20K.names), ((0, 0, 0), *ADE20K.palette))
"""The official code counts from 1, as the masks do, and ignores what has row 0."""

_APACHE = "Apache-2.0"
_APACHE_CITYSCAPES = f"{_APACHE}; trained on data for non-commercial use (Cityscapes)"
_APACHE_ADE20K = f"{_APACHE}; trained on data for research and education (ADE20K)"


def _entry(
    name: str,
    file: str,
    mebibytes: float | None,
    data: str,
    *published: Published,
    source: str = "",
    rows: LabelSpace | None = None,
    labels: LabelSpace | None = None,
    licence: str = _APACHE,
    refused: str = "",
) -> Entry:
    return Entry(
        name=name,
        file=f"{file}.tar.gz",
        urls=tuple(f"{place}/{file}.tar.gz" for place in _PLACES),
        digest=None,
        size=None,
        licence=licence,
        source=f"DeepLab model zoo (Google): {source}",
        data=data,
        mebibytes=mebibytes,
        rows=rows,
        labels=labels,
        published=published,
        refused=refused,
    )


def _miou(value: float, on: str, stride: int, scales: str = "1") -> Published:
    flip = "no flip" if scales == "1" else "flip"
    return Published("mIoU", value, on, f"output stride {stride}, scale {scales}, {flip}")


def _voc(name: str, file: str, mebibytes: float, data: str, *published: Published, source: str) -> Entry:
    return _entry(name, file, mebibytes, data, *published, source=source, rows=PASCAL_VOC)


def _cityscapes(
    name: str, file: str, mebibytes: float | None, data: str, *published: Published, source: str, refused: str = ""
) -> Entry:
    licence = _APACHE_CITYSCAPES
    return _entry(
        name, file, mebibytes, data, *published, source=source, rows=CITYSCAPES, licence=licence, refused=refused
    )


def _ade20k(name: str, file: str, mebibytes: float, *published: Published, source: str) -> Entry:
    licence = _APACHE_ADE20K
    data = f"{_IMAGENET}, ADE20K train"
    return _entry(
        name, file, mebibytes, data, *published, source=source, rows=ADE20K_ROWS, labels=ADE20K, licence=licence
    )


_MOBILENET, _HALF = "DeepLabv3, MobileNetV2", "DeepLabv3, MobileNetV2 x0.5"
_XCEPTION = "DeepLabv3+, Xception-65"
_VAL, _TEST, _STREETS, _SCENES = "VOC 2012 val", "VOC 2012 test", "Cityscapes val", "ADE20K val"
_DPC, _EDGETPU = REFUSED["meta_architecture"], REFUSED["MobilenetEdgeTPU"]

_MOBILENET_V2_VOC = Entry(
    name="mobilenetv2-voc",
    file="deeplabv3_mnv2_pascal_train_aug_2018_01_29.tar.gz",
    urls=(
        *(f"{place}/deeplabv3_mnv2_pascal_train_aug_2018_01_29.tar.gz" for place in _PLACES),
        f"{_OPEN_MODEL_ZOO}/deeplabv3/deeplabv3_mnv2_pascal_train_aug_2018_01_29.tar.gz",
    ),
    digest="sha384:d3f2b27bb00c485ca45d68731f7198a23926cb865dd010fc444bcad9158e33413cd60da2588a9be3ff1e8c9b4557362b",
    size=23882985,
    licence=_APACHE,
    source=f"DeepLab model zoo (Google): {_MOBILENET}",
    data=_VOC,
    rows=PASCAL_VOC,
    published=(_miou(75.32, _VAL, 16), _miou(77.33, _VAL, 8, _VOC_SCALES)),
)

MODEL_ZOO = (
    _MOBILENET_V2_VOC,
    _voc("mobilenetv2-voc-trainval", "deeplabv3_mnv2_pascal_trainval_2018_01_29", 23.0, _VOC_ALL,
         _miou(80.25, _TEST, 8, _VOC_SCALES), source=_MOBILENET),
    _voc("mobilenetv2-voc-8bit", "deeplabv3_mnv2_pascal_train_aug_8bit_2019_04_26", 24.0, _VOC,
         _miou(74.26, _VAL, 16), source=f"{_MOBILENET}, trained for 8 bits"),
    _voc("mobilenetv2-dm05-voc", "deeplabv3_mnv2_dm05_pascal_trainaug_2018_10_01", 7.6, _VOC,
         _miou(70.19, _VAL, 16), source=_HALF),
    _voc("mobilenetv2-dm05-voc-trainval", "deeplabv3_mnv2_dm05_pascal_trainval_2018_10_01", 7.6, _VOC_ALL,
         _miou(71.83, _TEST, 8), source=_HALF),
    _voc("mobilenetv2-dm05-voc-8bit", "deeplabv3_mnv2_dm05_pascal_train_aug_8bit_2019_04_26", 8.2, _VOC,
         _miou(69.65, _VAL, 16), source=f"{_HALF}, trained for 8 bits"),
    _voc("xception65-voc", "deeplabv3_pascal_train_aug_2018_01_04", 439.0, _VOC,
         _miou(82.20, _VAL, 16), _miou(83.58, _VAL, 8, _VOC_SCALES), source=_XCEPTION),
    _voc("xception65-voc-trainval", "deeplabv3_pascal_trainval_2018_01_04", 439.0, _VOC_ALL,
         _miou(87.80, _TEST, 8, _VOC_SCALES), source=_XCEPTION),
    _cityscapes("mobilenetv2-cityscapes", "deeplabv3_mnv2_cityscapes_train_2018_02_05", 23.0,
                f"{_COCO}, Cityscapes train", _miou(70.71, _STREETS, 16), _miou(73.57, _STREETS, 8, _STREET_SCALES),
                source=_MOBILENET),
    _cityscapes("mobilenetv3-large-cityscapes", "deeplab_mnv3_large_cityscapes_trainfine_2019_11_15", 17.0,
                "Cityscapes train", _miou(72.41, _STREETS, 32), source="Lite R-ASPP, MobileNetV3 Large"),
    _cityscapes("mobilenetv3-small-cityscapes", "deeplab_mnv3_small_cityscapes_trainfine_2019_11_15", 5.0,
                "Cityscapes train", _miou(68.99, _STREETS, 32), source="Lite R-ASPP, MobileNetV3 Small"),
    _cityscapes("xception65-cityscapes", "deeplabv3_cityscapes_train_2018_02_06", 439.0,
                f"{_IMAGENET}, Cityscapes train", _miou(78.79, _STREETS, 16), _miou(80.42, _STREETS, 8, _STREET_SCALES),
                source=_XCEPTION),
    _cityscapes("xception71-dpc-cityscapes", "deeplab_cityscapes_xception71_trainfine_2018_09_08", 445.0,
                f"{_COCO}, Cityscapes train", _miou(80.31, _STREETS, 16), source="DPC, Xception-71", refused=_DPC),
    _cityscapes("xception71-dpc-cityscapes-trainval", "deeplab_cityscapes_xception71_trainvalfine_2018_09_08", 446.0,
                f"{_COCO}, Cityscapes trainval and coarse", _miou(82.66, "Cityscapes test", 8, "0.75 to 2 by 0.25"),
                source="DPC, Xception-71", refused=_DPC),
    _cityscapes("edgetpu-cityscapes", "edgetpu-deeplab_2020_03_09", None, f"{_IMAGENET}, Cityscapes train",
                _miou(70.6, _STREETS, 32), _miou(74.1, _STREETS, 16), source="EdgeTPU-DeepLab", refused=_EDGETPU),
    _cityscapes("edgetpu-slim-cityscapes", "edgetpu-deeplab-slim_2020_03_09", None, f"{_IMAGENET}, Cityscapes train",
                _miou(70.0, _STREETS, 32), _miou(73.2, _STREETS, 16), source="EdgeTPU-DeepLab-slim", refused=_EDGETPU),
    _ade20k("mobilenetv2-ade20k", "deeplabv3_mnv2_ade20k_train_2018_12_03", 24.8,
            _miou(32.04, _SCENES, 16), source="DeepLabv3+, MobileNetV2, for images of 257 pixels"),
    _ade20k("xception65-ade20k", "deeplabv3_xception_ade20k_train_2018_05_29", 439.0,
            _miou(45.65, _SCENES, 8, _VOC_SCALES), source=f"{_XCEPTION}, for images of 513 pixels"),
    _entry("xception41-imagenet", "xception_41_2018_05_09", 288.0, _IMAGENET, source="Xception-41"),
    _entry("xception65-imagenet", "deeplabv3_xception_2018_01_04", 447.0, _IMAGENET, source="Xception-65"),
    _entry("xception65-coco", "xception_65_coco_pretrained_2018_10_02", 292.0, _COCO, source="Xception-65"),
    _entry("xception71-imagenet", "xception_71_2018_05_09", 474.0, _IMAGENET, source="Xception-71"),
    _entry("resnet50-beta-imagenet", "resnet_v1_50_2018_05_04", 274.0, _IMAGENET, source="ResNet-50, beta stem"),
    _entry("resnet101-beta-imagenet", "resnet_v1_101_2018_05_04", 477.0, _IMAGENET, source="ResNet-101, beta stem"),
)  # fmt: skip
"""Every file of the zoo's tables."""
