"""A total map of names: what maps every tensor of theirs, or names it as left out, and fills every one of ours."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.config import BASIC_DEPTHS, Depth, ModelConfig
from atrous.plain import from_plain

T = TypeVar("T")

AUXILIARY_REASON = "an auxiliary head, which only training uses"
CLASSIFIER_REASON = "the classification of ImageNet, which segments nothing"

MOST_SHOWN = 3

_WIDTH_OF_THIRD_BLOCK = 256
"""Channels of the first convolution of its units, in every ResNet that is built here."""

_STEMS = ("backbone.stem.conv.", "backbone.stem.conv1_1.conv.", "backbone.conv1_1.conv.")
"""Names of the convolutions that see the image."""


def translated(
    tensors: Mapping[str, Tensor], layers: Mapping[str, str], *, skipped: Mapping[str, str], project: str
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors by our names, and their names of what is left out, with the reason.

    Args:
        tensors: By their names.
        layers: Their name of every layer to ours.
        skipped: Beginnings of names to the reason for leaving them out.
        project: Whose names they are, for the error.

    Raises:
        InputError: If a name is neither; the message shows some.
    """
    ours: dict[str, Tensor] = {}
    left: dict[str, str] = {}
    unknown = []
    for key, tensor in tensors.items():
        layer, _, name = key.rpartition(".")
        reason = next((reason for start, reason in skipped.items() if key.startswith(start)), None)
        if layer in layers:
            ours[f"{layers[layer]}.{name}"] = tensor
        elif reason is not None:
            left[key] = reason
        else:
            unknown.append(key)
    if unknown:
        raise InputError(
            "save the state dict without the tensors that served training alone, or else this is not a network of "
            f"{project} that is known here: {_some(f'{key:.80}' for key in unknown)}"
        )
    return ours, left


def checked(source: ForeignNetwork) -> ForeignNetwork:
    """The source, once its tensors are known to be those of its configuration; missing counters of batches are 0.

    Raises:
        InputError: If one is missing, unknown, or has another shape; the message shows some.
    """
    source = _with_channels(source)
    with torch.device("meta"):
        outline = build(source.config).state_dict()
    if not source.segments:
        outline = {name: tensor for name, tensor in outline.items() if name.startswith("backbone.")}
    counters = {name: torch.zeros((), dtype=torch.int64) for name in outline if name.endswith("num_batches_tracked")}
    state = {**counters, **source.state}
    theirs = {ours: name for name, ours in source.layers.items()}
    differences = [f"{name} is missing{_in_file(name, theirs)}" for name in outline if name not in state]
    differences += [f"{name} is unknown" for name in state if name not in outline]
    differences += [
        f"{name} has the shape {tuple(tensor.shape)} where the network has {tuple(outline[name].shape)}"
        f"{_in_file(name, theirs)}"
        for name, tensor in state.items()
        if name in outline and tensor.shape != outline[name].shape
    ]
    if source.segments and not any(name.startswith("backbone.") for name in source.state):
        raise InputError(
            "tensors of a head without those of its backbone; give model.state_dict() of the whole network"
        )
    if differences:
        raise InputError(f"looks like {source.format}, but does not fit: {_some(differences)}")
    return replace(source, state={name: state[name] for name in outline})


def _in_file(name: str, theirs: Mapping[str, str]) -> str:
    """Say what a tensor of ours is called in the file."""
    layer, _, kind = name.rpartition(".")
    return f" (in the file {theirs[layer]:.80}.{kind})" if layer in theirs else ""


def _with_channels(source: ForeignNetwork) -> ForeignNetwork:
    """The network with as many image channels as its first kernel has; where not three, pixels are scaled to 0..1."""
    kernels = [tensor for name, tensor in source.state.items() if name.startswith(_STEMS) and tensor.ndim == 4]
    channels = kernels[0].shape[1] if kernels else source.config.in_channels
    conventions = source.config.conventions
    if channels != 3 and "scaling" in source.assumed:
        conventions = replace(conventions, input_mean=(0.0,), input_std=(255.0,))
    return replace(source, config=replace(source.config, in_channels=channels, conventions=conventions))


def pooling_first(kernel: Tensor) -> Tensor:
    """The projection's kernel `[k, 5 c, 1, 1]` for our order of branches: image pooling first, where theirs is last."""
    return torch.roll(kernel, kernel.shape[1] // 5, dims=1)


def pooling_last(kernel: Tensor) -> Tensor:
    """The inverse of `pooling_first`."""
    return torch.roll(kernel, -(kernel.shape[1] // 5), dims=1)


def encoder_first(kernel: Tensor, *, low_level_channels: int) -> Tensor:
    """A refinement's kernel for our order: the encoder's channels first, where theirs are the low-level ones."""
    return torch.roll(kernel, -low_level_channels, dims=1)


def width(tensors: Mapping[str, Tensor], name: str) -> int:
    """Output channels of a convolution.

    Raises:
        InputError: If there is none of this name.
    """
    if name not in tensors or not tensors[name].shape:
        raise InputError(f"{name} is missing")
    return len(tensors[name])


def resnet_depth(tensors: Mapping[str, Tensor], pattern: str) -> Depth:
    """Depth of a ResNet by the units of its third block, and by the third convolution that only bottlenecks have.

    Args:
        tensors: Tensors by the names of their project.
        pattern: Matches the name of the first convolution of each unit in that block; a group has the unit's number.

    Raises:
        InputError: If it is another ResNet.
    """
    found = {int(match[1]): name for name in tensors if (match := re.match(pattern, name))}
    bottlenecks = any(name.replace("conv1", "conv3") in tensors for name in found.values())
    depths: dict[tuple[int, bool], Depth] = {
        (2, False): 18,
        (6, False): 34,
        (6, True): 50,
        (23, True): 101,
        (36, True): 152,
    }
    _check_plain([(tensors[name], tensors.get(name.replace("conv1", "conv2"))) for name in found.values()])
    depth = depths.get((len(found), bottlenecks))
    if depth is None:
        raise InputError(
            f"a ResNet with {len(found)} units in its third block; ResNet-18, -34, -50, -101 and -152 are built here"
        )
    return depth


def _check_plain(units: Sequence[tuple[Tensor, Tensor | None]]) -> None:
    """Raise InputError if all units of the third block have groups or other widths than a ResNet, by their kernels."""
    kernels = [(first.shape, second.shape) for first, second in units if second is not None]
    if not kernels or any(len(first) != len(second) or len(first) < 2 for first, second in kernels):
        return
    if all(second[1] < first[0] for first, second in kernels):
        raise InputError("a ResNet whose convolutions have groups, such as ResNeXt; plain ones are built here")
    if all(first[0] == second[1] != _WIDTH_OF_THIRD_BLOCK for first, second in kernels):
        raise InputError(
            f"a ResNet whose third block has {kernels[0][0][0]} channels inside its units, not "
            f"{_WIDTH_OF_THIRD_BLOCK}, such as a wide one; plain ones are built here"
        )


def bottleneck_depth(tensors: Mapping[str, Tensor], pattern: str) -> Depth:
    """Depth of a ResNet in a project that has bottlenecks only.

    Raises:
        InputError: As `resnet_depth`; also for units of two convolutions, whose rates the project does not define.
    """
    depth = resnet_depth(tensors, pattern)
    if depth in BASIC_DEPTHS:
        raise InputError(f"a ResNet-{depth}, which this project does not have: the rates of its units are not known")
    return depth


def named_classes(classes: int, *, names: Iterable[str] = (), voc: LabelSpace | None = None) -> LabelSpace | None:
    """A label space of the names, if they are as many as the classes and differ, else that of VOC if it has as many."""
    listed = tuple(names)
    if len(listed) == classes == len(set(listed)) and all(listed):
        return LabelSpace(listed)
    return voc if voc is not None and len(voc) == classes else None


def imagenet(
    config: ModelConfig,
    state: Mapping[str, Tensor],
    skipped: Mapping[str, str],
    *,
    name: str,
    assumed: tuple[str, ...] = ("scaling",),
) -> ForeignNetwork:
    """A classifier, good for its backbone."""
    return checked(ForeignNetwork(name, config, state, skipped, segments=False, assumed=assumed))


def _some(texts: Iterable[str]) -> str:
    listed = list(texts)
    more = f"; and {len(listed) - MOST_SHOWN} more" if len(listed) > MOST_SHOWN else ""
    return "; ".join(listed[:MOST_SHOWN]) + more


def read_settings(kind: type[T], settings: Mapping[str, Any], *, where: str = "config.json") -> T:
    """Settings of a `config.json` that are fields of the dataclass `kind`; the others are ignored.

    Raises:
        InputError: If a setting is missing, has another type, or is not a finite number where one is needed.
    """
    fields = {field.name for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    return from_plain(kind, {name: value for name, value in settings.items() if name in fields}, where=where)
