"""segmentation_models.pytorch: DeepLabV3 and DeepLabV3Plus with ResNet and MobileNetV2 encoders."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects import layers, timm
from atrous.importers.projects.key_map import (
    AUXILIARY_REASON,
    checked,
    pooling_first,
    read_settings,
    resnet_depth,
    translated,
    width,
)
from atrous.importers.projects.timm_settings import is_plain_resnet
from atrous.importers.pytorch.state_dict import StateDict
from atrous.model.compatibility import Compatibility
from atrous.model.config import (
    ASPPConfig,
    BackboneConfig,
    DecoderConfig,
    MobileNetV2Config,
    ModelConfig,
    ResNetConfig,
    TimmConfig,
)
from atrous.model.conventions import PYTORCH
from atrous.model.stride_plan import check_output_stride

PROJECT = "segmentation_models.pytorch"
CONVENTIONS = replace(PYTORCH, align_corners=True)
COMPATIBILITY = Compatibility(low_level="output", unstrided_rate="after", between_separable="nothing")
PAIR = ("0", "1")

_TIMM_ENCODER = "encoder.model."
"""Beginning of the names in encoders that SMP takes from timm."""

PLAIN_ASSUMED = (
    "nothing names the encoder of timm (encoder_name in config.json); a plain ResNet is assumed, but resnetblur and "
    "resnetaa have the same tensors and compute something else"
)
"""Note where tensors alone cannot tell a plain ResNet from one that blurs."""

_MOBILENET_V2 = "mobilenetv2_"
"""Beginning of the names of timm's MobileNetV2, which is built here; its other mobile networks are built by timm."""

_WHOLE_DEPTH = 5
"""Stages of an encoder, all of which DeepLab has."""

_OLD = "timm-"
"""Beginning of SMP's older names of networks of timm: RegNet, Res2Net, ResNeSt, GERNet and MobileNetV3."""

_PATCHES = ("convnext", "tf_")
"""Beginnings of the names of timm's networks that it pads in another way where it dilates them."""

_OLD_NAMES = {r"decoder\.0\.": "decoder.aspp.", r"decoder\.1\.": "decoder.conv.", r"decoder\.2\.": "decoder.bn."}
"""Of DeepLabV3's decoder before version 0.4."""


@dataclass(frozen=True)
class _Settings:
    encoder_output_stride: int
    decoder_atrous_rates: tuple[int, ...] = (12, 24, 36)
    encoder_depth: int = 5


def recognises(names: Collection[str]) -> bool:
    """Return True for names of its ASPP and segmentation head."""
    aspp = any(re.match(r"decoder\.(aspp\.(0\.)?|0\.)convs\.0\.0\.weight$", name) for name in names)
    return aspp and "segmentation_head.0.weight" in names


def read(found: StateDict) -> ForeignNetwork:
    """The network of a state dict that `recognises` knows; what no tensor tells is in `config.json` beside it.

    Raises:
        InputError: If its encoder is not built here, or a tensor is unknown, missing, or of another shape.
    """
    plus = "decoder.block1.0.weight" in found.tensors
    tensors = found.tensors if plus else {_renamed(name): tensor for name, tensor in found.tensors.items()}
    timm_model = any(name.startswith(_TIMM_ENCODER) for name in tensors)
    named = found.settings.get("encoder_name")
    backbone, table = _timm_encoder(tensors, name=named) if timm_model else _encoder(tensors)
    at = "decoder.aspp.0." if plus else "decoder.aspp."
    separable = f"{at}convs.1.0.0.weight" in tensors
    table |= layers.aspp(at, separable=PAIR if separable else None)
    if plus:
        table |= layers.bare_separable("decoder.aspp.1", "decoder.aspp.2", "aspp.projection.1", names=PAIR)
        table |= layers.layer("decoder.block1.0", "decoder.block1.1", "decoder.low_level")
        table |= layers.bare_separable("decoder.block2.0", "decoder.block2.1", "decoder.refine.0", names=PAIR)
    else:
        table |= layers.layer("decoder.conv", "decoder.bn", "aspp.projection.1")
    table["segmentation_head.0"] = "classifier"
    skips = {"classification_head.": AUXILIARY_REASON}
    state, skipped = translated(tensors, table, skipped=skips, project=PROJECT)
    state["aspp.projection.0.conv.weight"] = pooling_first(state["aspp.projection.0.conv.weight"])
    channels = width(state, "aspp.branches.aspp0.conv.weight")
    settings = read_settings(_Settings, {"encoder_output_stride": 16 if plus else 8, **found.settings})
    if settings.encoder_depth != _WHOLE_DEPTH:
        raise InputError(f"{PROJECT} with encoder_depth {settings.encoder_depth}; {_WHOLE_DEPTH} is built here")
    assumed = {"output_stride": "encoder_output_stride", "rates": "decoder_atrous_rates", "scaling": ""}
    config = ModelConfig(
        backbone,
        ASPPConfig(
            rates=_rates(settings),
            aspp_channels=channels,
            separable=separable,
            projection=((1, channels, False), (3, channels, plus)),
            dropout=0.5,
        ),
        DecoderConfig(refinement=((3, channels, True),)) if plus else None,
        conventions=CONVENTIONS,
        compatibility=_compatibility(backbone, of_timm=timm_model),
        classes=width(tensors, "segmentation_head.0.weight"),
        output_stride=settings.encoder_output_stride,
    )
    silent = tuple(name for name, entry in assumed.items() if entry not in found.settings)
    name = f"{PROJECT} DeepLabV3{'Plus' if plus else ''}"
    unnamed = timm_model and isinstance(backbone, ResNetConfig) and not found.settings.get("encoder_name")
    notes = (PLAIN_ASSUMED,) if unnamed else ()
    return checked(
        ForeignNetwork(
            name, config, state, skipped, assumed=silent, notes=notes, rates_at_any_stride=True, layers=table
        )
    )


def _renamed(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        if re.match(old, name):
            return re.sub(old, new, name, count=1)
    return name


def _encoder(tensors: Mapping[str, Tensor]) -> tuple[BackboneConfig, dict[str, str]]:
    if "encoder.features.18.0.weight" in tensors and "encoder.features.17.conv.3.weight" in tensors:
        last = width(tensors, "encoder.features.18.0.weight")
        backbone = MobileNetV2Config(channel_divisor=8, last_channels=last)
        return backbone, layers.mobilenet_v2(lambda number: f"encoder.features.{number}")
    if "encoder.layer3.0.conv2.weight" in tensors and "encoder.conv1.weight" in tensors:
        depth = resnet_depth(tensors, r"encoder\.layer3\.(\d+)\.conv1\.weight$")
        return ResNetConfig(depth), layers.resnet("encoder.", depth=depth)
    raise InputError(
        f"{PROJECT} with another encoder than resnet18, 34, 50, 101, 152 and mobilenet_v2; others are not built here"
    )


def _timm_encoder(tensors: Mapping[str, Tensor], *, name: Any) -> tuple[BackboneConfig, dict[str, str]]:
    """The networks of timm that SMP names `tu-...`; they plan their rates themselves."""
    inner = {name.removeprefix(_TIMM_ENCODER): each for name, each in tensors.items() if name.startswith(_TIMM_ENCODER)}
    model = name.removeprefix("tu-") if isinstance(name, str) else ""
    if model.startswith(_OLD):  # MobileNetV3's weights are those that timm took over from TensorFlow
        model = model.removeprefix(_OLD)
        model = f"tf_{model}" if model.startswith("mobilenetv3") else model
    if (not model or is_plain_resnet(model)) and "layer3.0.conv2.weight" in inner and "conv1.weight" in inner:
        depth = resnet_depth(inner, r"layer3\.(\d+)\.conv1\.weight$")
        return ResNetConfig(depth), layers.resnet(_TIMM_ENCODER, depth=depth)
    if timm.is_mobilenet_v2(inner) and (not model or model.startswith(_MOBILENET_V2)):
        backbone, table = timm.mobile_network(inner)
        return backbone, {f"{_TIMM_ENCODER}{theirs}": ours for theirs, ours in table.items()}
    if model.startswith(_PATCHES):
        raise InputError(
            f"{PROJECT} over {model:.60}: timm pads unevenly where it dilates this network, which is not built here; "
            "train it anew as --model deeplabv3plus_timm:" + model.partition(".")[0]
        )
    if model:
        modules = {key.rpartition(".")[0] for key in inner}
        return TimmConfig(model), {f"{_TIMM_ENCODER}{each}": f"backbone.network.{each}" for each in modules}
    raise InputError(
        f"{PROJECT} with an encoder of timm that nothing names; put the config.json that SMP writes beside the file"
    )


def _compatibility(backbone: BackboneConfig, *, of_timm: bool) -> Compatibility:
    """Details of a network: encoders of timm plan their rates themselves, those built by timm also their features."""
    if isinstance(backbone, TimmConfig):
        return Compatibility(between_separable="nothing")
    return replace(COMPATIBILITY, unstrided_rate="before") if of_timm else COMPATIBILITY


def _rates(settings: _Settings) -> tuple[int, ...]:
    """At output stride 16; theirs are said for their own."""
    rates, stride = settings.decoder_atrous_rates, settings.encoder_output_stride
    check_output_stride(stride)
    if any(rate * stride % 16 for rate in rates):
        raise InputError(f"rates {rates} at output stride {stride} have no counterpart at 16")
    return tuple(rate * stride // 16 for rate in rates)
