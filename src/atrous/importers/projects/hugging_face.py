"""Hugging Face Transformers: MobileNetV2 with DeepLabv3's head, and MobileNetV2 as a classifier."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects.key_map import (
    CLASSIFIER_REASON,
    checked,
    imagenet,
    named_classes,
    read_settings,
    translated,
    width,
)
from atrous.importers.pytorch.state_dict import StateDict
from atrous.labels import LabelSpace
from atrous.model.config import ASPPConfig, MobileNetV2Config, ModelConfig
from atrous.model.conventions import TENSORFLOW, Conventions

PROJECT = "Hugging Face"
CONVENTIONS = replace(TENSORFLOW, fit="none", align_corners=False)
"""The official code's weights, but run as Transformers runs them: no fitting of sizes, corners not aligned."""

LAST_REASON = "ImageNet's last convolution, which DeepLab leaves out"

_UNIT = {"expand_1x1": "expand", "conv_3x3": "depthwise", "reduce_1x1": "project"}
_HEAD = {
    "conv_pool": "aspp.branches.image_pooling.project",
    "conv_aspp": "aspp.branches.aspp0",
    "conv_projection": "aspp.projection.0",
}
_KINDS = {"convolution": "conv", "normalization": "norm"}


@dataclass(frozen=True)
class _Settings:
    depth_multiplier: float
    tf_padding: bool = True
    layer_norm_eps: float = 1e-3
    hidden_act: str = "relu6"
    output_stride: int = 16


@dataclass(frozen=True)
class _Processor:
    image_mean: tuple[float, ...]
    image_std: tuple[float, ...]
    do_rescale: bool = True
    rescale_factor: float = 1 / 255
    do_normalize: bool = True


def layers() -> dict[str, str]:
    """Their name of every layer to ours; they count the first unit to the stem."""
    parts = {"mobilenet_v2.conv_stem.first_conv": "backbone.stem"}
    for unit in range(17):
        place = "conv_stem" if unit == 0 else f"layer.{unit - 1}"
        for theirs, ours in _UNIT.items():
            parts[f"mobilenet_v2.{place}.{theirs}"] = f"backbone.units.{unit}.{ours}"
    parts |= {f"segmentation_head.{theirs}": ours for theirs, ours in _HEAD.items()}
    table = {f"{theirs}.{kind}": f"{ours}.{our}" for theirs, ours in parts.items() for kind, our in _KINDS.items()}
    return {**table, "segmentation_head.classifier.convolution": "classifier"}


def recognises(names: Collection[str]) -> bool:
    """Return True for the name of its first layer."""
    return "mobilenet_v2.conv_stem.first_conv.convolution.weight" in names


def read(found: StateDict) -> ForeignNetwork:
    """The network of a state dict that `recognises` knows; what no tensor tells is in `config.json` beside it.

    Raises:
        InputError: If a tensor is unknown, missing, or of another shape, or a setting has no counterpart here.
    """
    tensors = found.tensors
    skips = {"mobilenet_v2.conv_1x1.": LAST_REASON, "classifier.": CLASSIFIER_REASON}
    table = layers()
    state, skipped = translated(tensors, table, skipped=skips, project=PROJECT)
    multiplier = width(tensors, "mobilenet_v2.layer.15.reduce_1x1.convolution.weight") / 320
    settings = read_settings(_Settings, {"depth_multiplier": multiplier, **found.settings})
    if settings.hidden_act != "relu6":
        raise InputError(f"its activation is {settings.hidden_act!r:.40}; MobileNetV2 has relu6 here")
    backbone = MobileNetV2Config(settings.depth_multiplier, channel_divisor=8)
    conventions = replace(
        CONVENTIONS,
        conv_padding="same" if settings.tf_padding else "symmetric",
        backbone_epsilon=settings.layer_norm_eps,
    )
    conventions, assumed = _scaled(conventions, found.settings.get("preprocessor"))
    assumed += () if "output_stride" in found.settings else ("output_stride",)
    config = ModelConfig(backbone, conventions=conventions, output_stride=settings.output_stride)
    if "segmentation_head.classifier.convolution.weight" not in tensors:
        return imagenet(config, state, skipped, name="ImageNet MobileNetV2 (Hugging Face)", assumed=assumed)
    classes = width(tensors, "segmentation_head.classifier.convolution.weight")
    head = ASPPConfig(
        rates=(),
        aspp_channels=width(state, "aspp.branches.aspp0.conv.weight"),
        projection=((1, width(state, "aspp.projection.0.conv.weight"), False),),
    )
    config = replace(config, head=head, classes=classes)
    labels = _labels(found.settings, classes)
    name = "Hugging Face MobileNetV2 DeepLabv3"
    stated = labels is not None
    return checked(
        ForeignNetwork(name, config, state, skipped, labels, assumed=assumed, labels_stated=stated, layers=table)
    )


def _scaled(conventions: Conventions, stated: Any) -> tuple[Conventions, tuple[str, ...]]:
    """Conventions with the input scaling of `preprocessor_config.json`, and the names of what it does not state."""
    if not isinstance(stated, dict) or not {"image_mean", "image_std"} <= stated.keys():
        return conventions, ("scaling",)
    processor = read_settings(_Processor, stated, where="preprocessor_config.json")
    unit = 1 / processor.rescale_factor if processor.do_rescale else 1.0
    mean, std = (processor.image_mean, processor.image_std) if processor.do_normalize else ((0.0,), (1.0,))
    scaled = [tuple(unit * value for value in values) for values in (mean, std)]
    input_mean, input_std = (values[:1] if len(set(values)) == 1 else values for values in scaled)
    return replace(conventions, input_mean=input_mean, input_std=input_std), ()


def _labels(settings: Mapping[str, Any], classes: int) -> LabelSpace | None:
    names = settings.get("id2label")
    if not isinstance(names, dict):
        return None
    listed = [names.get(str(label)) for label in range(classes)]
    return named_classes(classes, names=[name for name in listed if isinstance(name, str)])
