"""Names of the tensors in torchvision's DeepLabv3 with ResNet, translated to ours."""

import re
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from atrous.errors import InputError
from atrous.model.backbones.resnet import BLOCK_UNITS
from atrous.model.config import BASIC_DEPTHS, Depth

AUXILIARY = "aux_classifier."
"""A second classifier on block3, which only its training uses: left out here."""

BEYOND = "if training alone used it, save the rest without it"
"""What to do about a tensor that their network does not have."""

PROJECTION, BRANCHES = "aspp.projection.0.conv.weight", 5

HEAD = {
    **{
        f"classifier.0.convs.{number}.{index}": f"aspp.branches.aspp{number}.{kind}"
        for number in range(4)
        for index, kind in enumerate(("conv", "norm"))
    },
    "classifier.0.convs.4.1": "aspp.branches.image_pooling.project.conv",
    "classifier.0.convs.4.2": "aspp.branches.image_pooling.project.norm",
    "classifier.0.project.0": "aspp.projection.0.conv",
    "classifier.0.project.1": "aspp.projection.0.norm",
    "classifier.1": "aspp.projection.1.conv",  # the 3x3 that the papers do not have
    "classifier.2": "aspp.projection.1.norm",
    "classifier.4": "classifier",
}

LAYERS = {"backbone.conv1": "backbone.stem.conv", "backbone.bn1": "backbone.stem.norm", **HEAD}

UNIT_LAYERS = {
    "conv1": "reduce.conv",
    "bn1": "reduce.norm",
    "conv2": "atrous.conv",
    "bn2": "atrous.norm",
    "conv3": "restore.conv",
    "bn3": "restore.norm",
    "downsample.0": "shortcut.conv",
    "downsample.1": "shortcut.norm",
}

BASIC_UNIT_LAYERS = {
    "conv1": "first.conv",
    "bn1": "first.norm",
    "conv2": "second.conv",
    "bn2": "second.norm",
    "downsample.0": "shortcut.conv",
    "downsample.1": "shortcut.norm",
}


def unit_layers(depth: Depth) -> Mapping[str, str]:
    """Names of the layers within a unit of ResNet-`depth`, there and here."""
    return BASIC_UNIT_LAYERS if depth in BASIC_DEPTHS else UNIT_LAYERS


def our_key(key: str, *, depth: Depth) -> str | None:
    """Our name of a tensor, or None if it belongs to the auxiliary head.

    Raises:
        InputError: If their model has no tensor of this name.
    """
    if key.startswith(AUXILIARY):
        return None
    layer, _, tensor = key.rpartition(".")
    ours = LAYERS.get(layer) or _unit_layer(layer, depth=depth)
    if ours is None:
        raise InputError(f"{key!r:.80} is no tensor of torchvision's DeepLabv3 with ResNet-{depth}; {BEYOND}")
    return f"{ours}.{tensor}"


def _unit_layer(layer: str, *, depth: Depth) -> str | None:
    """Name of a unit's layer: units are counted block by block there and from first to last here."""
    match = re.fullmatch(r"backbone\.layer([1-4])\.(0|[1-9][0-9]?)\.(.*)", layer)
    if match is None or match[3] not in unit_layers(depth):
        return None
    block, position = int(match[1]) - 1, int(match[2])
    if position >= BLOCK_UNITS[depth][block]:
        return None
    return f"backbone.units.{sum(BLOCK_UNITS[depth][:block]) + position}.{unit_layers(depth)[match[3]]}"


def from_torchvision(state: Mapping[str, Tensor], *, depth: Depth) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """A state dict of theirs as one of ours, and the names of what was left out.

    The model that takes it has `ASPPConfig(projection=((1, 256, False), (3, 256, False)))`. Their branches are
    concatenated with image pooling last, ours with it first: the projection's kernels are turned accordingly.

    Raises:
        InputError: If a name is none of theirs.
    """
    return renamed(state, partial(our_key, depth=depth))


def renamed(
    state: Mapping[str, Tensor], our_name: Callable[[str], str | None]
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """A state dict by our names, the projection's kernels turned, and the keys that have none."""
    ours, skipped = {}, []
    for key, tensor in state.items():
        name = our_name(key)
        if name is None:
            skipped.append(key)
        elif name == PROJECTION and tensor.ndim == 4:
            ours[name] = torch.roll(tensor, tensor.shape[1] // BRANCHES, dims=1)
        else:
            ours[name] = tensor
    return ours, tuple(skipped)
