"""timm: MobileNetV2, MobileNetV3 and aligned Xception trained on ImageNet, as backbones.

Its ResNets have torchvision's names and are read as those.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal

from torch import Tensor

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects.key_map import CLASSIFIER_REASON, imagenet, translated, width
from atrous.importers.projects.timm_settings import check_mobile_network, scaled, timm_settings
from atrous.importers.pytorch.state_dict import StateDict
from atrous.model.config import (
    BackboneConfig,
    MobileNetV2Config,
    MobileNetV3Config,
    ModelConfig,
    XceptionConfig,
)
from atrous.model.conventions import PYTORCH, TENSORFLOW

PROJECT = "timm"
XCEPTION = replace(TENSORFLOW, conv_padding="symmetric")
PORTED = "tf_"
"""Architectures with this beginning have TensorFlow's weights, padding and epsilon."""

_NARROW = {"conv_dw": "depthwise.conv", "bn1": "depthwise.norm", "conv_pw": "project.conv", "bn2": "project.norm"}
_WIDE = {
    "conv_pw": "expand.conv",
    "bn1": "expand.norm",
    "conv_dw": "depthwise.conv",
    "bn2": "depthwise.norm",
    "conv_pwl": "project.conv",
    "bn3": "project.norm",
}
_UNITS_OF_MOBILENET_V2 = 17

_GATE = {"se.conv_reduce": "gate.squeeze", "se.conv_expand": "gate.excite"}
_SEPARABLE = {
    "conv_dw": "depthwise.conv",
    "bn_dw": "depthwise.norm",
    "conv_pw": "pointwise.conv",
    "bn_pw": "pointwise.norm",
}


def recognises(names: Collection[str]) -> bool:
    """Return True for names of the first layers of a mobile network or an Xception."""
    return "conv_stem.weight" in names or "blocks.0.stack.conv1.conv_dw.weight" in names


def read(found: StateDict) -> ForeignNetwork:
    """The backbone of a state dict that `recognises` knows; `config.json` beside it tells its padding and scaling.

    Raises:
        InputError: If it is another of their networks.
    """
    if "conv_stem.weight" not in found.tensors:
        return _xception(found)
    settings = timm_settings(found.settings)
    check_mobile_network(settings.architecture)
    backbone, table = mobile_network(found.tensors)
    skips: dict[str, str] = dict.fromkeys(("conv_head.", "bn2.", "norm_head.", "classifier."), CLASSIFIER_REASON)
    state, skipped = translated(found.tensors, table, skipped=skips, project=PROJECT)
    conventions = replace(PYTORCH, pool_padding="symmetric")
    if settings.architecture.startswith(PORTED):
        conventions = replace(conventions, conv_padding="same", backbone_epsilon=1e-3)
    conventions, assumed = scaled(conventions, settings.pretrained_cfg)
    config = ModelConfig(backbone, conventions=conventions)
    return imagenet(config, state, skipped, name=f"ImageNet {backbone.kind} ({PROJECT})", assumed=assumed)


def mobile_network(tensors: Mapping[str, Tensor]) -> tuple[BackboneConfig, dict[str, str]]:
    """A MobileNetV2 or MobileNetV3, and their name of every layer to ours.

    Raises:
        InputError: If it is another of their networks.
    """
    places = _units(tensors)
    backbone = _mobile(tensors, units=len(places))
    table = {"conv_stem": "backbone.stem.conv", "bn1": "backbone.stem.norm"}
    for unit, (stage, position) in enumerate(places):
        theirs, ours = f"blocks.{stage}.{position}", f"backbone.units.{unit}"
        wide = f"{theirs}.conv_pwl.weight" in tensors
        parts = {**(_WIDE if wide else _NARROW), **_GATE}
        table |= {f"{theirs}.{name}": f"{ours}.{our}" for name, our in parts.items()}
    if places and isinstance(backbone, MobileNetV3Config):
        last = f"blocks.{places[-1][0] + 1}.0"
        table |= {f"{last}.conv": "backbone.last.conv", f"{last}.bn1": "backbone.last.norm"}
    return backbone, table


def is_mobilenet_v2(tensors: Mapping[str, Tensor]) -> bool:
    """Return True for the names of their MobileNetV2."""
    last = "blocks.6.0.conv_pwl.weight" in tensors
    return "conv_stem.weight" in tensors and last and len(_units(tensors)) == _UNITS_OF_MOBILENET_V2


def _units(tensors: Mapping[str, Tensor]) -> list[tuple[int, int]]:
    """Stage and position of every unit with a depthwise convolution."""
    matches = (re.match(r"blocks\.(\d)\.(\d+)\.conv_dw\.weight$", name) for name in tensors)
    return sorted((int(match[1]), int(match[2])) for match in matches if match)


def _mobile(tensors: Mapping[str, Tensor], *, units: int) -> BackboneConfig:
    if units == _UNITS_OF_MOBILENET_V2 and "blocks.6.0.conv_pwl.weight" in tensors:
        return MobileNetV2Config(width(tensors, "blocks.6.0.conv_pwl.weight") / 320, channel_divisor=8)
    if units == 15 and "blocks.6.0.conv.weight" in tensors:
        return MobileNetV3Config("large", depth_multiplier=width(tensors, "blocks.6.0.conv.weight") / 960)
    if units == 11 and "blocks.5.0.conv.weight" in tensors:
        return MobileNetV3Config("small", depth_multiplier=width(tensors, "blocks.5.0.conv.weight") / 576)
    raise InputError(
        f"a network of {PROJECT} with {units} units; MobileNetV2, MobileNetV3, Xception and ResNet are known"
    )


def _xception(found: StateDict) -> ForeignNetwork:
    count = len({name.split(".")[1] for name in found.tensors if name.startswith("blocks.")})
    depths: dict[int, Literal[41, 65, 71]] = {13: 41, 21: 65, 23: 71}
    depth = depths.get(count)
    if depth is None:
        raise InputError(f"an Xception of {PROJECT} with {count} units; aligned Xception-41, -65 and -71 are known")
    table = {}
    for number in (0, 1):
        table |= {f"stem.{number}.conv": f"backbone.conv1_{number + 1}.conv"}
        table |= {f"stem.{number}.bn": f"backbone.conv1_{number + 1}.norm"}
    for block in range(count):
        ours = "backbone.last" if block == count - 1 else f"backbone.units.{block}"
        table |= {
            f"blocks.{block}.shortcut.{theirs}": f"{ours}.shortcut.{our}"
            for theirs, our in (("conv", "conv"), ("bn", "norm"))
        }
        for number in (1, 2, 3):
            theirs = f"blocks.{block}.stack.conv{number}"
            table |= {f"{theirs}.{part}": f"{ours}.separable{number}.{our}" for part, our in _SEPARABLE.items()}
    state, skipped = translated(found.tensors, table, skipped={"head.": CLASSIFIER_REASON}, project=PROJECT)
    settings = timm_settings(found.settings)
    conventions, assumed = scaled(XCEPTION, settings.pretrained_cfg)
    config = ModelConfig(XceptionConfig(depth), conventions=conventions)
    return imagenet(config, state, skipped, name=f"ImageNet Xception-{depth} ({PROJECT})", assumed=assumed)
