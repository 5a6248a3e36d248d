"""detectron2's project DeepLab: DeepLabv3 and DeepLabv3+ with ResNet-50 and -101."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects.key_map import (
    CLASSIFIER_REASON,
    bottleneck_depth,
    checked,
    encoder_first,
    imagenet,
    pooling_first,
    translated,
    width,
)
from atrous.importers.pytorch.state_dict import StateDict
from atrous.model.backbones.resnet import BLOCK_UNITS
from atrous.model.compatibility import Compatibility
from atrous.model.config import ASPPConfig, DecoderConfig, ModelConfig, ResNetConfig
from atrous.model.conventions import PYTORCH

PROJECT = "detectron2"
ASSUMED = ("output_stride", "multi_grid", "pool_window", "stride_in_1x1", "scaling")
CROP = (512, 1024)
"""Size of the training crops of its configurations: image pooling averages over as much in inference, too."""

PIXELS_REASON = "input scaling, which is part of the conventions"
POOLING = "aspp.branches.image_pooling.project"

_UNIT = {"conv1": "reduce", "conv2": "atrous", "conv3": "restore", "shortcut": "shortcut"}


def recognises(names: Collection[str]) -> bool:
    """Return True for names of its segmentation head, or of a classifier with a stem of three."""
    return "sem_seg_head.predictor.weight" in names or "stem.conv3.norm.weight" in names


def read(found: StateDict) -> ForeignNetwork:
    """The network of a state dict that `recognises` knows.

    Raises:
        InputError: If the head is none of DeepLab's, or a tensor is unknown, missing, or of another shape.
    """
    tensors = found.tensors
    prefix = "backbone." if "sem_seg_head.predictor.weight" in tensors else ""
    backbone, parts = _backbone(tensors, prefix=prefix)
    if not prefix:
        config = ModelConfig(backbone, conventions=PYTORCH)
        skips = {"stem.fc.": CLASSIFIER_REASON, "fc.": CLASSIFIER_REASON, "linear.": CLASSIFIER_REASON}
        state, skipped = translated(tensors, _with_norms(parts), skipped=skips, project=PROJECT)
        return imagenet(config, state, skipped, name=f"ImageNet ResNet-{backbone.depth} with three 3x3 ({PROJECT})")
    plus = "sem_seg_head.decoder.res5.project_conv.project.weight" in tensors
    aspp = "sem_seg_head.decoder.res5.project_conv" if plus else "sem_seg_head.aspp"
    if f"{aspp}.convs.0.weight" not in tensors or f"{aspp}.convs.1.weight" not in tensors:
        raise InputError(f"{PROJECT} with another head than DeepLab's, or a separable one, which is not built here")
    parts |= {f"{aspp}.convs.{number}": f"aspp.branches.aspp{number}" for number in range(4)}
    parts |= {f"{aspp}.project": "aspp.projection.0", f"{aspp}.convs.4.1": POOLING}
    if plus:
        at = "sem_seg_head.decoder.res2"
        parts |= {f"{at}.project_conv": "decoder.low_level"}
        parts |= {f"{at}.fuse_conv.{number}": f"decoder.refine.{number}" for number in (0, 1)}
    table = {**_with_norms(parts), "sem_seg_head.predictor": "classifier"}
    state, skipped = translated(tensors, table, skipped={"pixel_": PIXELS_REASON}, project=PROJECT)
    state |= _norm_of_bias(state.pop(f"{POOLING}.conv.bias", None))
    state["aspp.projection.0.conv.weight"] = pooling_first(state["aspp.projection.0.conv.weight"])
    if plus:
        name, low = "decoder.refine.0.conv.weight", width(state, "decoder.low_level.conv.weight")
        state[name] = encoder_first(state[name], low_level_channels=low)
    config = ModelConfig(
        backbone,
        ASPPConfig(),
        DecoderConfig(low_level_channels=width(state, "decoder.low_level.conv.weight")) if plus else None,
        conventions=PYTORCH,
        compatibility=Compatibility(low_level="output", unstrided_rate="after", pool_window=CROP),
        classes=width(tensors, "sem_seg_head.predictor.weight"),
    )
    name = f"{PROJECT} DeepLabv3{'+' if plus else ''}"
    return checked(ForeignNetwork(name, config, state, skipped, assumed=ASSUMED, layers=table))


def _backbone(tensors: Mapping[str, Tensor], *, prefix: str) -> tuple[ResNetConfig, dict[str, str]]:
    """A ResNet with Multi_Grid, and its layers without the last part of their names."""
    depth = bottleneck_depth(tensors, rf"{prefix}res4\.(\d+)\.conv1\.weight$".replace(".res", r"\.res"))
    parts = {f"{prefix}stem.conv1": "backbone.stem"}
    beta = f"{prefix}stem.conv3.weight" in tensors
    if beta:
        parts = {f"{prefix}stem.conv{number}": f"backbone.stem.conv1_{number}" for number in (1, 2, 3)}
    places = [(block, position) for block, count in enumerate(BLOCK_UNITS[depth], 2) for position in range(count)]
    for number, (block, position) in enumerate(places):
        unit = f"{prefix}res{block}.{position}"
        parts |= {f"{unit}.{theirs}": f"backbone.units.{number}.{ours}" for theirs, ours in _UNIT.items()}
    config = ResNetConfig(depth, multi_grid=(1, 2, 4), stem="beta" if beta else "7x7")
    return config, parts


def _with_norms(parts: Mapping[str, str]) -> dict[str, str]:
    table = {theirs: f"{ours}.conv" for theirs, ours in parts.items()}
    return table | {f"{theirs}.norm": f"{ours}.norm" for theirs, ours in parts.items()}


def _norm_of_bias(bias: Tensor | None) -> dict[str, Tensor]:
    """Their image pooling has a bias and no batch norm: a batch norm that does nothing but add it."""
    if bias is None:
        raise InputError(f"{PROJECT}: the image pooling has no bias")
    ones = torch.ones_like(bias)
    return {
        f"{POOLING}.norm.weight": ones * (1 + PYTORCH.head_epsilon) ** 0.5,
        f"{POOLING}.norm.bias": bias,
        f"{POOLING}.norm.running_mean": torch.zeros_like(bias),
        f"{POOLING}.norm.running_var": ones,
    }
