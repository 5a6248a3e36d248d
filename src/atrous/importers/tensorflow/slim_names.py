"""The official code's scope of every layer beside our name of it.

A scope holds a kernel (`weights`, or `depthwise_weights`) and either a batch norm or `biases`. What a network has
follows from its configuration alone.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from atrous.errors import InputError
from atrous.model.backbones.mobilenet_v2 import STAGES
from atrous.model.backbones.mobilenet_v3 import VARIANTS
from atrous.model.backbones.resnet import BLOCK_UNITS
from atrous.model.backbones.xception import DEPTHS
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
    TimmConfig,
    XceptionConfig,
)

ScopeKind = Literal["normed", "depthwise", "biased"]

LOGITS = "logits/semantic"


class SlimLayer(NamedTuple):
    """A layer's scope there, its name here, and what it holds.

    `normed`: a kernel and a batch norm; `depthwise`: the same with one filter for each channel; `biased`: a kernel and
    a bias.
    """

    scope: str
    ours: str
    kind: ScopeKind = "normed"


TENSORS = {
    "normed": {
        "weights": "conv.weight",
        "BatchNorm/gamma": "norm.weight",
        "BatchNorm/beta": "norm.bias",
        "BatchNorm/moving_mean": "norm.running_mean",
        "BatchNorm/moving_variance": "norm.running_var",
    },
    "biased": {"weights": "weight", "biases": "bias"},
}
TENSORS["depthwise"] = {"depthwise_weights" if k == "weights" else k: v for k, v in TENSORS["normed"].items()}


_NOT_IN_ZOO = "the DeepLab model zoo has no EfficientNet-Lite and no network of timm"


def backbone_scope(config: BackboneConfig) -> str:
    """Scope that every variable of a backbone starts with."""
    match config:
        case MobileNetV2Config():
            return "MobilenetV2"
        case MobileNetV3Config():
            return "MobilenetV3"
        case ResNetConfig(depth=depth):
            return f"resnet_v1_{depth}"
        case XceptionConfig(depth=depth):
            return f"xception_{depth}"
        case EfficientNetLiteConfig() | TimmConfig():
            raise InputError(_NOT_IN_ZOO)


def layers(config: ModelConfig) -> Iterator[SlimLayer]:
    """Every layer of a network."""
    yield from backbone_layers(config.backbone)
    match config.head:
        case ASPPConfig() as aspp:
            yield from _aspp(aspp)
        case LRASPPConfig():
            yield SlimLayer("aspp0", "aspp.features")
            yield SlimLayer("image_pooling", "aspp.gate", "biased")
            yield SlimLayer("decoder/decoder_conv0", "classifier", "biased")
            yield SlimLayer("decoder/feature_projection0", "middle_classifier", "biased")
            return
    if config.decoder is not None:
        yield from _decoder(config.decoder)
    yield SlimLayer(LOGITS, "classifier", "biased")


def backbone_layers(config: BackboneConfig) -> Iterator[SlimLayer]:
    """Every layer of a backbone."""
    match config:
        case MobileNetV2Config():
            yield from _mobilenet_v2()
        case MobileNetV3Config():
            yield from _mobilenet_v3(config)
        case ResNetConfig():
            yield from _resnet(config)
        case XceptionConfig():
            yield from _xception(config)
        case EfficientNetLiteConfig() | TimmConfig():
            raise InputError(_NOT_IN_ZOO)


def _xception(config: XceptionConfig) -> Iterator[SlimLayer]:
    scope, (entry_flow, middle_units) = backbone_scope(config), DEPTHS[config.depth]
    for name in ("conv1_1", "conv1_2"):
        yield SlimLayer(f"{scope}/entry_flow/{name}", f"backbone.{name}")
    units = [f"entry_flow/block{number}/unit_1" for number in range(1, len(entry_flow.units) + 1)]
    units += [f"middle_flow/block1/unit_{number}" for number in range(1, middle_units + 1)]
    units += ["exit_flow/block1/unit_1"]
    for number, unit in enumerate(units):
        theirs, ours = f"{scope}/{unit}/xception_module", f"backbone.units.{number}"
        yield from _three_separable(theirs, ours)
        if not unit.startswith("middle_flow"):
            yield SlimLayer(f"{theirs}/shortcut", f"{ours}.shortcut")
    yield from _three_separable(f"{scope}/exit_flow/block2/unit_1/xception_module", "backbone.last")


def _three_separable(theirs: str, ours: str) -> Iterator[SlimLayer]:
    for number in (1, 2, 3):
        yield from _separable(f"{theirs}/separable_conv{number}", f"{ours}.separable{number}")


def _separable(theirs: str, ours: str) -> Iterator[SlimLayer]:
    yield SlimLayer(f"{theirs}_depthwise", f"{ours}.depthwise", "depthwise")
    yield SlimLayer(f"{theirs}_pointwise", f"{ours}.pointwise")


def _resnet(config: ResNetConfig) -> Iterator[SlimLayer]:
    scope = backbone_scope(config)
    if config.stem == "beta":
        for name in ("conv1_1", "conv1_2", "conv1_3"):
            yield SlimLayer(f"{scope}/{name}", f"backbone.stem.{name}")
    else:
        yield SlimLayer(f"{scope}/conv1", "backbone.stem")
    number = 0
    for block, count in enumerate(BLOCK_UNITS[config.depth], start=1):
        for unit in range(1, count + 1):
            theirs, ours = f"{scope}/block{block}/unit_{unit}/bottleneck_v1", f"backbone.units.{number}"
            for name, part in (("conv1", "reduce"), ("conv2", "atrous"), ("conv3", "restore")):
                yield SlimLayer(f"{theirs}/{name}", f"{ours}.{part}")
            if unit == 1:
                yield SlimLayer(f"{theirs}/shortcut", f"{ours}.shortcut")
            number += 1


def inverted_residuals(scope: str, count: int) -> list[str]:
    """The scopes of a mobile network's units: the first has no number."""
    return [f"{scope}/expanded_conv{f'_{number}' if number else ''}" for number in range(count)]


def _mobilenet_v2() -> Iterator[SlimLayer]:
    yield SlimLayer("MobilenetV2/Conv", "backbone.stem")
    count = sum(repeats for _, _, repeats, _ in STAGES)
    for number, scope in enumerate(inverted_residuals("MobilenetV2", count)):
        yield from _inverted_residual(scope, f"backbone.units.{number}", expands=number > 0)


def _mobilenet_v3(config: MobileNetV3Config) -> Iterator[SlimLayer]:
    rows = VARIANTS[config.variant].rows
    yield SlimLayer("MobilenetV3/Conv", "backbone.stem")
    for number, (scope, row) in enumerate(zip(inverted_residuals("MobilenetV3", len(rows)), rows, strict=True)):
        yield from _inverted_residual(scope, f"backbone.units.{number}", expands=number > 0)
        if row.squeezes:
            yield SlimLayer(f"{scope}/squeeze_excite/Conv", f"backbone.units.{number}.gate.squeeze", "biased")
            yield SlimLayer(f"{scope}/squeeze_excite/Conv_1", f"backbone.units.{number}.gate.excite", "biased")
    yield SlimLayer("MobilenetV3/Conv_1", "backbone.last")


def _inverted_residual(theirs: str, ours: str, *, expands: bool) -> Iterator[SlimLayer]:
    if expands:
        yield SlimLayer(f"{theirs}/expand", f"{ours}.expand")
    yield SlimLayer(f"{theirs}/depthwise", f"{ours}.depthwise", "depthwise")
    yield SlimLayer(f"{theirs}/project", f"{ours}.project")


def _aspp(config: ASPPConfig) -> Iterator[SlimLayer]:
    branches = "aspp.branches"
    if config.image_pooling:
        yield SlimLayer("image_pooling", f"{branches}.image_pooling.project")
    yield SlimLayer("aspp0", f"{branches}.aspp0")
    for number in range(1, len(config.rates) + 1):
        yield from _layer(f"aspp{number}", f"{branches}.aspp{number}", separable=config.separable)
    for number in range(len(config.projection)):
        yield SlimLayer("concat_projection", f"aspp.projection.{number}")


def _decoder(config: DecoderConfig) -> Iterator[SlimLayer]:
    yield SlimLayer("decoder/feature_projection0", "decoder.low_level")
    for number, (_, _, separable) in enumerate(config.refinement):
        # Plain ones are written by a function that repeats: decoder_conv0/decoder_conv0_1 and _2.
        scope = f"decoder_conv{number}" if separable else f"decoder_conv0/decoder_conv0_{number + 1}"
        yield from _layer(f"decoder/{scope}", f"decoder.refine.{number}", separable=separable)


def _layer(theirs: str, ours: str, *, separable: bool) -> Iterator[SlimLayer]:
    if separable:
        yield from _separable(theirs, ours)
    else:
        yield SlimLayer(theirs, ours)
