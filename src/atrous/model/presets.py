"""The models that the papers name: each a configuration, and a function that builds it.

The functions take the number of classes, the output stride and the number of image channels. What they return takes
images `[b, 3, h, w]` of values 0..255 in the order red, green, blue (not BGR), as uint8 or float: normalisation is part
of the model.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Literal, Protocol, TypeVar, runtime_checkable

from atrous.errors import InputError, did_you_mean
from atrous.model.any_backbone import any_model, is_any_model
from atrous.model.build import build
from atrous.model.compatibility import Compatibility
from atrous.model.config import (
    ASPPConfig,
    BackboneConfig,
    DecoderConfig,
    EfficientNetLiteConfig,
    LRASPPConfig,
    MobileNetV2Config,
    MobileNetV3Config,
    ModelConfig,
    ResNetConfig,
    XceptionConfig,
)
from atrous.model.conventions import PYTORCH, TENSORFLOW, Conventions
from atrous.model.deeplab import DeepLab, DeepLabLRASPP, DeepLabV3, DeepLabV3Cascade
from atrous.model.deeplab_v3plus import DeepLabV3Plus

ModelKind_co = TypeVar("ModelKind_co", bound=DeepLab, covariant=True)

_ARGUMENTS = """

    Args:
        classes: Channels of the logits.
        output_stride: Input size / size of the backbone's last map.
        in_channels: Channels of the image.

    Returns:
        The model with fresh weights. It takes RGB images (not BGR) [b, in_channels, h, w] of values 0..255, uint8 or
        float, of any size, and returns coarse logits [b, classes, h / s, w / s], a tensor and no dictionary;
        `model.logits(images)` has full size.

    Raises:
        InputError: If the network cannot run at the output stride, or a number is out of range.
        TypeError: For other arguments; the message has ours for those of other libraries.
    """

_presets: dict[str, ModelConfig] = {}
PRESETS: Mapping[str, ModelConfig] = MappingProxyType(_presets)
"""The configuration of every named model, at 21 classes and output stride 16, in the order of this file."""

_BETA = replace(TENSORFLOW, conv_padding="symmetric", backbone_epsilon=1e-5)
"""The official ResNets: explicit symmetric padding of convolutions, SAME only in the pooling (`resnet_v1_beta`)."""

_XCEPTION = replace(TENSORFLOW, conv_padding="symmetric")
"""The official Xceptions: the same padding, epsilon 1e-3."""

_TORCHVISION_MOBILE = replace(PYTORCH, backbone_epsilon=1e-3)


@runtime_checkable
class Builder(Protocol[ModelKind_co]):
    """A function that builds a named model."""

    def __call__(self, classes: int = 21, *, output_stride: int = 16, in_channels: int = 3) -> ModelKind_co:
        """Build the model with fresh weights."""
        ...


def _named(kind: type[ModelKind_co]) -> Callable[[Callable[[], ModelConfig]], Builder[ModelKind_co]]:
    """Turn the decorated function, which returns a configuration, into the builder of the model of its name."""

    def decorated(configuration: Callable[[], ModelConfig]) -> Builder[ModelKind_co]:
        config = _presets[configuration.__name__] = configuration()

        def built(
            classes: int = 21, *, output_stride: int = 16, in_channels: int = 3, **others: object
        ) -> ModelKind_co:
            if others:
                raise TypeError(_unknown_argument(configuration.__name__, *next(iter(others.items()))))
            model = build(replace(config, classes=classes, output_stride=output_stride, in_channels=in_channels))
            assert isinstance(model, kind)
            return model

        built.__name__ = built.__qualname__ = configuration.__name__
        built.__doc__ = (configuration.__doc__ or "") + _ARGUMENTS
        built.__annotations__["return"] = kind
        return built

    return decorated


_SPELLINGS = {
    "classes": ("num_classes", "n_classes", "nclass", "nc", "num_labels"),
    "output_stride": ("os", "stride", "encoder_output_stride"),
    "in_channels": ("in_chans", "channels", "num_channels", "input_channels"),
}
"""Arguments of presets, and what other libraries call them."""

_TRAINED = ("pretrained", "weights", "weights_backbone", "pretrained_backbone", "encoder_weights", "checkpoint")
"""Arguments by which other libraries ask for trained weights."""


def _unknown_argument(name: str, argument: str, value: object) -> str:
    """Return the message for an argument that presets do not have, with the one that is meant."""
    start = f"{name}() has no {argument}="
    for ours, theirs in _SPELLINGS.items():
        if argument in theirs:
            return f"{start}; write {ours}={value!r:.40}"
    if argument in _TRAINED:
        return f"{start}: its weights are fresh; atrous.load(NAME).model is a trained one, `atrous weights` lists names"
    return f"{start}; {did_you_mean(argument, _SPELLINGS)}"


def preset(name: str) -> ModelConfig:
    """Look up the configuration of a named model, or of `deeplabv3plus_timm:NAME` (`model/any_backbone.py`).

    Raises:
        InputError: If there is none of this name; the message has the most similar one, or lists all.
    """
    if is_any_model(name):
        return any_model(name)
    if name not in PRESETS:
        raise InputError(f"unknown model {name!r}; {did_you_mean(name, PRESETS)}")
    return PRESETS[name]


def _beta_resnet(depth: Literal[50, 101]) -> ResNetConfig:
    return ResNetConfig(depth=depth, multi_grid=(1, 2, 4), stem="beta")


def _cascade(depth: Literal[50, 101]) -> ModelConfig:
    backbone = ResNetConfig(depth=depth, multi_grid=(1, 2, 1), stem="beta", added_blocks=3)
    return ModelConfig(backbone, head=None, conventions=_BETA)


def _separable(backbone: BackboneConfig, conventions: Conventions) -> ModelConfig:
    """Configure DeepLabv3+ with depthwise separable convolutions in ASPP and decoder."""
    decoder = DecoderConfig(refinement=((3, 256, True), (3, 256, True)))
    return ModelConfig(backbone, head=ASPPConfig(separable=True), decoder=decoder, conventions=conventions)


def _official_lite(variant: Literal["large", "small"]) -> ModelConfig:
    """Configure a MobileNetV3 of the model zoo: at output stride 32 windows of 25 positions, every 4 down, 5 right."""
    return ModelConfig(
        MobileNetV3Config(variant=variant, tail_multiplier=0.5),
        head=LRASPPConfig(gate="hard_sigmoid"),
        conventions=TENSORFLOW,
        compatibility=Compatibility(pool_window=(769, 769)),
    )


@_named(DeepLabV3)
def deeplabv3_mobilenet_v2() -> ModelConfig:
    """The official mobile model: image pooling and one 1x1 branch (MobileNetV2 paper, Table 7: 2.11 M parameters)."""
    return ModelConfig(MobileNetV2Config(), head=ASPPConfig(rates=()), conventions=TENSORFLOW)


@_named(DeepLabV3)
def deeplabv3_mobilenet_v2_aspp() -> ModelConfig:
    """MobileNetV2 with the full ASPP (MobileNetV2 paper, Table 7: 4.52 M parameters)."""
    return ModelConfig(MobileNetV2Config(), conventions=TENSORFLOW)


@_named(DeepLabV3)
def deeplabv3_mobilenet_v3() -> ModelConfig:
    """MobileNetV3-Large with torchvision's head, rates and conventions (`deeplabv3_mobilenet_v3_large` there)."""
    return ModelConfig(
        MobileNetV3Config(),
        head=ASPPConfig(rates=(12, 24, 36), projection=((1, 256, False), (3, 256, False))),
        conventions=_TORCHVISION_MOBILE,
        compatibility=Compatibility(unstrided_rate="after"),
    )


@_named(DeepLabV3)
def deeplabv3_resnet50() -> ModelConfig:
    """ResNet-50 with the 7x7 stem and torchvision's conventions."""
    return ModelConfig(ResNetConfig(depth=50), conventions=PYTORCH)


@_named(DeepLabV3)
def deeplabv3_resnet101() -> ModelConfig:
    """ResNet-101 with the 7x7 stem and torchvision's conventions."""
    return ModelConfig(ResNetConfig(depth=101), conventions=PYTORCH)


@_named(DeepLabV3)
def deeplabv3_resnet50_beta() -> ModelConfig:
    """ResNet-50 with the beta stem and Multi_Grid (1, 2, 4) under the official code's conventions."""
    return ModelConfig(_beta_resnet(50), conventions=_BETA)


@_named(DeepLabV3)
def deeplabv3_resnet101_beta() -> ModelConfig:
    """The model of the DeepLabv3 paper (Tables 5 and 6; MobileNetV2 paper, Table 7: 58.16 M parameters)."""
    return ModelConfig(_beta_resnet(101), conventions=_BETA)


@_named(DeepLabV3Cascade)
def deeplabv3_cascade_resnet50() -> ModelConfig:
    """ResNet-50 with block5 to block7 and Multi_Grid (1, 2, 1) (DeepLabv3, Tables 1 and 2)."""
    return _cascade(50)


@_named(DeepLabV3Cascade)
def deeplabv3_cascade_resnet101() -> ModelConfig:
    """ResNet-101 with block5 to block7 and Multi_Grid (1, 2, 1) (DeepLabv3, Tables 3 and 4: 76.66 % on VOC val)."""
    return _cascade(101)


@_named(DeepLabV3)
def deeplabv3_xception65() -> ModelConfig:
    """Xception-65 with a plain ASPP (DeepLabv3+, Table 5: the rows without decoder)."""
    return ModelConfig(XceptionConfig(depth=65), conventions=_XCEPTION)


@_named(DeepLabV3Plus)
def deeplabv3plus_efficientnet_lite0() -> ModelConfig:
    """EfficientNet-Lite0, separable ASPP and decoder, under the official code's conventions."""
    return _separable(EfficientNetLiteConfig(variant=0), TENSORFLOW)


@_named(DeepLabV3Plus)
def deeplabv3plus_mobilenet_v2() -> ModelConfig:
    """MobileNetV2, separable ASPP and decoder (DeepLabv3+, section 3.1, on the backbone of the mobile models)."""
    return _separable(MobileNetV2Config(), TENSORFLOW)


@_named(DeepLabV3Plus)
def deeplabv3plus_mobilenet_v3() -> ModelConfig:
    """MobileNetV3-Large in the place of MobileNetV2, under the official code's conventions."""
    return _separable(MobileNetV3Config(), TENSORFLOW)


@_named(DeepLabV3Plus)
def deeplabv3plus_resnet50() -> ModelConfig:
    """ResNet-50 with the 7x7 stem and the decoder."""
    return ModelConfig(ResNetConfig(depth=50), decoder=DecoderConfig(), conventions=PYTORCH)


@_named(DeepLabV3Plus)
def deeplabv3plus_resnet101() -> ModelConfig:
    """ResNet-101 with the 7x7 stem and the decoder (DeepLabv3+, Table 3, which has the beta stem)."""
    return ModelConfig(ResNetConfig(depth=101), decoder=DecoderConfig(), conventions=PYTORCH)


@_named(DeepLabV3Plus)
def deeplabv3plus_resnet50_beta() -> ModelConfig:
    """ResNet-50 with the beta stem, Multi_Grid (1, 2, 4) and the decoder."""
    return ModelConfig(_beta_resnet(50), decoder=DecoderConfig(), conventions=_BETA)


@_named(DeepLabV3Plus)
def deeplabv3plus_resnet101_beta() -> ModelConfig:
    """The ResNet of the DeepLabv3+ paper (Tables 1 to 3)."""
    return ModelConfig(_beta_resnet(101), decoder=DecoderConfig(), conventions=_BETA)


@_named(DeepLabV3Plus)
def deeplabv3plus_xception41() -> ModelConfig:
    """Xception-41 with separable ASPP and decoder."""
    return _separable(XceptionConfig(depth=41), _XCEPTION)


@_named(DeepLabV3Plus)
def deeplabv3plus_xception65() -> ModelConfig:
    """Xception-65 with separable ASPP and decoder (DeepLabv3+, Table 5: the rows with SC)."""
    return _separable(XceptionConfig(depth=65), _XCEPTION)


@_named(DeepLabV3Plus)
def deeplabv3plus_xception71() -> ModelConfig:
    """Xception-71 with separable ASPP and decoder (DeepLabv3+, Table 7)."""
    return _separable(XceptionConfig(depth=71), _XCEPTION)


@_named(DeepLabLRASPP)
def lraspp_mobilenet_v3() -> ModelConfig:
    """MobileNetV3-Large with Lite R-ASPP as in torchvision (`lraspp_mobilenet_v3_large` there)."""
    return ModelConfig(
        MobileNetV3Config(),
        head=LRASPPConfig(),
        conventions=_TORCHVISION_MOBILE,
        compatibility=Compatibility(middle_level=(5, "output"), unstrided_rate="after"),
    )


@_named(DeepLabLRASPP)
def lraspp_mobilenet_v3_large() -> ModelConfig:
    """The official MobileNetV3-Large for segmentation (MobileNetV3 paper, Table 7: 1.51 M parameters)."""
    return _official_lite("large")


@_named(DeepLabLRASPP)
def lraspp_mobilenet_v3_small() -> ModelConfig:
    """The official MobileNetV3-Small for segmentation (MobileNetV3 paper, Table 7: 0.47 M parameters)."""
    return _official_lite("small")
