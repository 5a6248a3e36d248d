"""Configuration of the network that a set of variables belongs to, from their names and shapes."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Literal

import torch

from atrous.errors import InputError
from atrous.importers.official_mobilenet_v2 import STEM, UNITS, config_of_widths
from atrous.importers.tensorflow.recognition import REFUSED
from atrous.importers.tensorflow.slim_names import LOGITS, inverted_residuals
from atrous.model.backbones.mobilenet_v3 import VARIANTS, MobileNetV3, Variant
from atrous.model.build import build_backbone
from atrous.model.config import (
    ASPPConfig,
    BackboneConfig,
    DecoderConfig,
    LRASPPConfig,
    MobileNetV2Config,
    MobileNetV3Config,
    ModelConfig,
    ResNetConfig,
    XceptionConfig,
)
from atrous.model.conventions import TENSORFLOW, Conventions
from atrous.model.presets import preset

Shapes = Mapping[str, tuple[int, ...]]
"""Names and shapes of all variables."""

_MEAN_SUBTRACTED: tuple[tuple[float, ...], tuple[float, ...]] = ((123.15, 115.90, 103.06), (1.0,))
"""Official code, `_preprocess_subtract_imagenet_mean`: of the ResNets without beta stem."""

_ASPP_RATES = {0: (), 3: (6, 12, 18), 4: (6, 12, 18, 24)}
"""By the number of branches, since no file says them (DeepLabv3, Table 5; half of them at output stride 32)."""

_MULTIPLIERS = (1.0, 0.75, 0.5, 0.35, 1.25, 1.4)


def segments(shapes: Shapes) -> bool:
    """Return True if there are logits for every pixel, unlike those of a classifier."""
    return f"{LOGITS}/weights" in shapes or _is_lite(shapes)


def config_of(shapes: Shapes, *, output_stride: int | None) -> ModelConfig:
    """The configuration of a network; of a classifier one with its backbone.

    Args:
        shapes: Names and shapes of all variables.
        output_stride: Output stride where it is known; None is that of the official training.

    Raises:
        InputError: If it is none that is built here.
    """
    scopes = {name.partition("/")[0] for name in shapes}
    for scope, reason in REFUSED.items():
        if scope in scopes:
            raise InputError(f"{reason}; use another model of the zoo")
    backbone, conventions = _backbone(shapes, scopes)
    config = ModelConfig(backbone, head=ASPPConfig(rates=()), conventions=conventions)
    if segments(shapes):
        config = _with_head(config, shapes)
    default = 32 if isinstance(config.head, LRASPPConfig) else 16
    return replace(config, output_stride=output_stride or default)


def _backbone(shapes: Shapes, scopes: set[str]) -> tuple[BackboneConfig, Conventions]:
    if "MobilenetV2" in scopes:
        return _mobilenet_v2(shapes), TENSORFLOW
    if "MobilenetV3" in scopes:
        return _mobilenet_v3(shapes), TENSORFLOW
    for depth in (50, 101):
        if f"resnet_v1_{depth}" in scopes:
            conventions = preset("deeplabv3_resnet50_beta").conventions
            if f"resnet_v1_{depth}/conv1_1/weights" in shapes:
                return ResNetConfig(depth=depth, multi_grid=(1, 2, 4), stem="beta"), conventions
            mean, std = _MEAN_SUBTRACTED
            return ResNetConfig(depth=depth), replace(conventions, input_mean=mean, input_std=std)
    depths: tuple[Literal[41, 65, 71], ...] = (41, 65, 71)
    for depth in depths:
        if f"xception_{depth}" in scopes:
            return XceptionConfig(depth=depth), preset("deeplabv3plus_xception65").conventions
    found = ", ".join(sorted(scopes)[:5]) or "nothing"
    raise InputError(f"no network of the DeepLab model zoo: its variables belong to {found:.200}")


def _mobilenet_v2(shapes: Shapes) -> MobileNetV2Config:
    return config_of_widths([_width(shapes, scope) for scope in (STEM, *(f"{unit}/project" for unit in UNITS))])


def _mobilenet_v3(shapes: Shapes) -> MobileNetV3Config:
    """The variant with as many units; the multipliers that give the widths of stem, units and last convolution."""
    count = sum(name.startswith("MobilenetV3/") and name.endswith("/project/weights") for name in shapes)
    variants: dict[int, Variant] = {len(table.rows): variant for variant, table in VARIANTS.items()}
    if count not in variants:
        raise InputError(f"a MobileNetV3 of {count} units; large has 15, small 11")
    projections = [f"{unit}/project" for unit in inverted_residuals("MobilenetV3", count)]
    file_widths = [_width(shapes, scope) for scope in ("MobilenetV3/Conv", *projections, "MobilenetV3/Conv_1")]
    for multiplier, tail in product(_MULTIPLIERS, (1.0, 0.5)):
        config = MobileNetV3Config(variants[count], depth_multiplier=multiplier, tail_multiplier=tail)
        if file_widths == _mobilenet_v3_widths(config):
            return config
    raise InputError(f"layers of {file_widths} channels are no MobileNetV3 at any known depth multiplier")


def _mobilenet_v3_widths(config: MobileNetV3Config) -> list[int]:
    with torch.device("meta"):
        backbone = build_backbone(ModelConfig(config, head=ASPPConfig(rates=())))
    assert isinstance(backbone, MobileNetV3)
    return [backbone.stem.out_channels, *(unit.project.out_channels for unit in backbone.units), backbone.high_channels]


def _with_head(config: ModelConfig, shapes: Shapes) -> ModelConfig:
    if _is_lite(shapes):
        official = preset("lraspp_mobilenet_v3_large")
        assert isinstance(official.head, LRASPPConfig)
        return replace(
            config,
            head=replace(official.head, aspp_channels=_width(shapes, "aspp0")),
            compatibility=official.compatibility,
            classes=_width(shapes, "decoder/decoder_conv0"),
        )
    config = replace(config, classes=_width(shapes, LOGITS))
    if "aspp0/weights" not in shapes:
        return replace(config, head=None)
    channels = _width(shapes, "aspp0")
    separable = "aspp1_depthwise/depthwise_weights" in shapes
    branches = 0
    while {f"aspp{branches + 1}/weights", f"aspp{branches + 1}_pointwise/weights"} & shapes.keys():
        branches += 1
    if branches not in _ASPP_RATES:
        raise InputError(f"{branches} atrous branches, whose rates no file says; 0, 3 or 4 are known")
    projected = "concat_projection/weights" in shapes
    head = ASPPConfig(
        rates=_ASPP_RATES[branches],
        aspp_channels=channels,
        image_pooling="image_pooling/weights" in shapes,
        separable=separable,
        projection=((1, _width(shapes, "concat_projection"), False),) if projected else (),
    )
    return replace(config, head=head, decoder=_decoder(shapes))


def _decoder(shapes: Shapes) -> DecoderConfig | None:
    if "decoder/feature_projection0/weights" not in shapes:
        return None
    separable = "decoder/decoder_conv0_depthwise/depthwise_weights" in shapes
    last = "decoder/decoder_conv0_pointwise" if separable else "decoder/decoder_conv0/decoder_conv0_1"
    layer = (3, _width(shapes, last), separable)
    return DecoderConfig(_width(shapes, "decoder/feature_projection0"), refinement=(layer, layer))


def _is_lite(shapes: Shapes) -> bool:
    """Return True if the decoder's convolutions give logits themselves (`decoder_output_is_logits`)."""
    return "decoder/decoder_conv0/biases" in shapes


def _width(shapes: Shapes, scope: str) -> int:
    """Output channels of a layer."""
    shape = shapes.get(f"{scope}/weights", ())
    if len(shape) != 4 or shape[-1] < 1:
        raise InputError(f"{scope}/weights is missing or no kernel")
    return shape[-1]
