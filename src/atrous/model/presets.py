"""The models that the papers name, as constants."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from atrous.errors import InputError
from atrous.model.build import build
from atrous.model.compatibility import Compatibility
from atrous.model.config import (
    ASPPConfig,
    DecoderConfig,
    LRASPPConfig,
    MobileNetV2Config,
    MobileNetV3Config,
    ModelConfig,
    ResNetConfig,
    XceptionConfig,
)
from atrous.model.conventions import PYTORCH, TENSORFLOW
from atrous.model.deeplab import DeepLabLRASPP, DeepLabV3, DeepLabV3Cascade, DeepLabV3Plus

_BETA = replace(TENSORFLOW, conv_padding="symmetric", backbone_epsilon=1e-5)
"""The official ResNets: explicit symmetric padding of convolutions, SAME only in the pooling (`resnet_v1_beta`)."""

_RESNET50_BETA = ResNetConfig(depth=50, multi_grid=(1, 2, 4), stem="beta")
_RESNET101_BETA = ResNetConfig(depth=101, multi_grid=(1, 2, 4), stem="beta")
_XCEPTION = replace(TENSORFLOW, conv_padding="symmetric")
"""The official Xceptions: the same padding, epsilon 1e-3."""

_TORCHVISION_MOBILE = replace(PYTORCH, backbone_epsilon=1e-3)
_OFFICIAL_LITE_HEAD = LRASPPConfig(gate="hard_sigmoid")
_OFFICIAL_LITE_WINDOW = Compatibility(pool_window=(769, 769))
"""At output stride 32 windows of 25 positions, every 4 down and 5 to the right (model zoo, MobileNetV3)."""

_SEPARABLE_DECODER = DecoderConfig(refinement=((3, 256, True), (3, 256, True)))


def _cascade(depth: Literal[50, 101]) -> ModelConfig:
    backbone = ResNetConfig(depth=depth, multi_grid=(1, 2, 1), stem="beta", added_blocks=3)
    return ModelConfig(backbone, head=None, conventions=_BETA)


def _separable_xception(depth: Literal[41, 65, 71]) -> ModelConfig:
    return ModelConfig(
        XceptionConfig(depth=depth),
        head=ASPPConfig(separable=True),
        decoder=_SEPARABLE_DECODER,
        conventions=_XCEPTION,
    )


PRESETS: Mapping[str, ModelConfig] = {
    "deeplabv3_mobilenet_v2": ModelConfig(MobileNetV2Config(), head=ASPPConfig(rates=()), conventions=TENSORFLOW),
    "deeplabv3_mobilenet_v2_aspp": ModelConfig(MobileNetV2Config(), conventions=TENSORFLOW),
    "deeplabv3_mobilenet_v3": ModelConfig(
        MobileNetV3Config(),
        head=ASPPConfig(rates=(12, 24, 36), projection=((1, 256, False), (3, 256, False))),
        conventions=_TORCHVISION_MOBILE,
        compatibility=Compatibility(unstrided_rate="after"),
    ),
    "deeplabv3_resnet50": ModelConfig(ResNetConfig(depth=50), conventions=PYTORCH),
    "deeplabv3_resnet101": ModelConfig(ResNetConfig(depth=101), conventions=PYTORCH),
    "deeplabv3_resnet50_beta": ModelConfig(_RESNET50_BETA, conventions=_BETA),
    "deeplabv3_resnet101_beta": ModelConfig(_RESNET101_BETA, conventions=_BETA),
    "deeplabv3_cascade_resnet50": _cascade(50),
    "deeplabv3_cascade_resnet101": _cascade(101),
    "deeplabv3_xception65": ModelConfig(XceptionConfig(depth=65), conventions=_XCEPTION),
    "deeplabv3plus_mobilenet_v2": ModelConfig(
        MobileNetV2Config(), head=ASPPConfig(separable=True), decoder=_SEPARABLE_DECODER, conventions=TENSORFLOW
    ),
    "deeplabv3plus_mobilenet_v3": ModelConfig(
        MobileNetV3Config(), head=ASPPConfig(separable=True), decoder=_SEPARABLE_DECODER, conventions=TENSORFLOW
    ),
    "deeplabv3plus_resnet50": ModelConfig(ResNetConfig(depth=50), decoder=DecoderConfig(), conventions=PYTORCH),
    "deeplabv3plus_resnet101": ModelConfig(ResNetConfig(depth=101), decoder=DecoderConfig(), conventions=PYTORCH),
    "deeplabv3plus_resnet50_beta": ModelConfig(_RESNET50_BETA, decoder=DecoderConfig(), conventions=_BETA),
    "deeplabv3plus_resnet101_beta": ModelConfig(_RESNET101_BETA, decoder=DecoderConfig(), conventions=_BETA),
    "deeplabv3plus_xception41": _separable_xception(41),
    "deeplabv3plus_xception65": _separable_xception(65),
    "deeplabv3plus_xception71": _separable_xception(71),
    "lraspp_mobilenet_v3": ModelConfig(
        MobileNetV3Config(),
        head=LRASPPConfig(),
        conventions=_TORCHVISION_MOBILE,
        compatibility=Compatibility(middle_level=(5, "output"), unstrided_rate="after"),
    ),
    "lraspp_mobilenet_v3_large": ModelConfig(
        MobileNetV3Config(tail_multiplier=0.5),
        head=_OFFICIAL_LITE_HEAD,
        conventions=TENSORFLOW,
        compatibility=_OFFICIAL_LITE_WINDOW,
    ),
    "lraspp_mobilenet_v3_small": ModelConfig(
        MobileNetV3Config(variant="small", tail_multiplier=0.5),
        head=_OFFICIAL_LITE_HEAD,
        conventions=TENSORFLOW,
        compatibility=_OFFICIAL_LITE_WINDOW,
    ),
}
"""The configuration of every named model, at 21 classes and output stride 16."""


def preset(name: str) -> ModelConfig:
    """The configuration of a named model.

    Raises:
        InputError: If there is none of this name; the message lists them.
    """
    if name not in PRESETS:
        raise InputError(f"unknown model {name!r}; known: {', '.join(PRESETS)}")
    return PRESETS[name]


def _built(name: str, classes: int, output_stride: int, in_channels: int) -> Any:
    return build(replace(PRESETS[name], classes=classes, output_stride=output_stride, in_channels=in_channels))


def deeplabv3_mobilenet_v2(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3:
    """The official mobile model: image pooling and one 1x1 branch (MobileNetV2 paper, Table 7: 2.11 M parameters)."""
    return _built("deeplabv3_mobilenet_v2", classes, output_stride, in_channels)


def deeplabv3_mobilenet_v2_aspp(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3:
    """MobileNetV2 with the full ASPP (MobileNetV2 paper, Table 7: 4.52 M parameters)."""
    return _built("deeplabv3_mobilenet_v2_aspp", classes, output_stride, in_channels)


def deeplabv3_mobilenet_v3(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3:
    """MobileNetV3-Large with torchvision's head, rates and conventions (`deeplabv3_mobilenet_v3_large` there)."""
    return _built("deeplabv3_mobilenet_v3", classes, output_stride, in_channels)


def deeplabv3_resnet50(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3:
    """ResNet-50 with the 7x7 stem and torchvision's conventions."""
    return _built("deeplabv3_resnet50", classes, output_stride, in_channels)


def deeplabv3_resnet101(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3:
    """ResNet-101 with the 7x7 stem and torchvision's conventions."""
    return _built("deeplabv3_resnet101", classes, output_stride, in_channels)


def deeplabv3_resnet50_beta(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3:
    """ResNet-50 with the beta stem and Multi_Grid (1, 2, 4) under the official code's conventions."""
    return _built("deeplabv3_resnet50_beta", classes, output_stride, in_channels)


def deeplabv3_resnet101_beta(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3:
    """The model of the DeepLabv3 paper (Tables 5 and 6; MobileNetV2 paper, Table 7: 58.16 M parameters)."""
    return _built("deeplabv3_resnet101_beta", classes, output_stride, in_channels)


def deeplabv3_cascade_resnet50(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3Cascade:
    """ResNet-50 with block5 to block7 and Multi_Grid (1, 2, 1) (DeepLabv3, Tables 1 and 2)."""
    return _built("deeplabv3_cascade_resnet50", classes, output_stride, in_channels)


def deeplabv3_cascade_resnet101(
    classes: int = 21, *, output_stride: int = 16, in_channels: int = 3
) -> DeepLabV3Cascade:
    """ResNet-101 with block5 to block7 and Multi_Grid (1, 2, 1) (DeepLabv3, Tables 3 and 4: 76.66 % on VOC val)."""
    return _built("deeplabv3_cascade_resnet101", classes, output_stride, in_channels)


def deeplabv3_xception65(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3:
    """Xception-65 with a plain ASPP (DeepLabv3+, Table 5: the rows without decoder)."""
    return _built("deeplabv3_xception65", classes, output_stride, in_channels)


def deeplabv3plus_mobilenet_v2(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3Plus:
    """MobileNetV2, separable ASPP and decoder (DeepLabv3+, section 3.1, on the backbone of the mobile models)."""
    return _built("deeplabv3plus_mobilenet_v2", classes, output_stride, in_channels)


def deeplabv3plus_mobilenet_v3(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3Plus:
    """MobileNetV3-Large in the place of MobileNetV2, under the official code's conventions."""
    return _built("deeplabv3plus_mobilenet_v3", classes, output_stride, in_channels)


def deeplabv3plus_resnet50(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3Plus:
    """ResNet-50 with the 7x7 stem and the decoder."""
    return _built("deeplabv3plus_resnet50", classes, output_stride, in_channels)


def deeplabv3plus_resnet101(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3Plus:
    """ResNet-101 with the 7x7 stem and the decoder (DeepLabv3+, Table 3, which has the beta stem)."""
    return _built("deeplabv3plus_resnet101", classes, output_stride, in_channels)


def deeplabv3plus_resnet50_beta(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3Plus:
    """ResNet-50 with the beta stem, Multi_Grid (1, 2, 4) and the decoder."""
    return _built("deeplabv3plus_resnet50_beta", classes, output_stride, in_channels)


def deeplabv3plus_resnet101_beta(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3Plus:
    """The ResNet of the DeepLabv3+ paper (Tables 1 to 3)."""
    return _built("deeplabv3plus_resnet101_beta", classes, output_stride, in_channels)


def deeplabv3plus_xception41(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3Plus:
    """Xception-41 with separable ASPP and decoder."""
    return _built("deeplabv3plus_xception41", classes, output_stride, in_channels)


def deeplabv3plus_xception65(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3Plus:
    """Xception-65 with separable ASPP and decoder (DeepLabv3+, Table 5: the rows with SC)."""
    return _built("deeplabv3plus_xception65", classes, output_stride, in_channels)


def deeplabv3plus_xception71(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabV3Plus:
    """Xception-71 with separable ASPP and decoder (DeepLabv3+, Table 7)."""
    return _built("deeplabv3plus_xception71", classes, output_stride, in_channels)


def lraspp_mobilenet_v3(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabLRASPP:
    """MobileNetV3-Large with Lite R-ASPP as in torchvision (`lraspp_mobilenet_v3_large` there)."""
    return _built("lraspp_mobilenet_v3", classes, output_stride, in_channels)


def lraspp_mobilenet_v3_large(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabLRASPP:
    """The official MobileNetV3-Large for segmentation (MobileNetV3 paper, Table 7: 1.51 M parameters)."""
    return _built("lraspp_mobilenet_v3_large", classes, output_stride, in_channels)


def lraspp_mobilenet_v3_small(classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> DeepLabLRASPP:
    """The official MobileNetV3-Small for segmentation (MobileNetV3 paper, Table 7: 0.47 M parameters)."""
    return _built("lraspp_mobilenet_v3_small", classes, output_stride, in_channels)
