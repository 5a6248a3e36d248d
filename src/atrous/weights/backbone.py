"""Puts a trained backbone into a model whose head is still fresh."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from atrous.errors import InputError
from atrous.importers.file_head import FileHead, read_head
from atrous.importers.numbers import checked_numbers
from atrous.importers.readers import read_foreign
from atrous.model.any_backbone import SCHEME
from atrous.model.backbones.resnet import BLOCK_UNITS
from atrous.model.compatibility import Compatibility
from atrous.model.config import BackboneConfig, ModelConfig, ResNetConfig, TimmConfig
from atrous.model.conventions import Conventions
from atrous.model.deeplab import DeepLab
from atrous.model.preprocess import Preprocess
from atrous.weights import archive
from atrous.weights.download import OnProgress, resolve
from atrous.weights.timm_weights import TimmNetwork, timm_file, timm_network

_BUILT_IN = ("conv_padding", "pool_padding", "stride_unit", "backbone_epsilon")
"""The conventions that are built into a backbone's layers."""

_CLASSIFIER_STRIDE = 32
"""Output stride of a backbone that keeps all its strides, and so has no rates."""

_LAYOUT, _RATES = ("strided_layer", "padded"), ("unstrided_rate", "second_rate")

BACKBONE_DETAILS = (*_LAYOUT, *_RATES)
"""Fields of `Compatibility` that change what a backbone computes, though its tensors have the same names and shapes."""


@dataclass(frozen=True)
class Transfer:
    """Account of every key after a backbone was loaded.

    Attributes:
        filled: Keys of the model that now hold trained values.
        fresh: Keys of the model that stayed as they were: head, decoder, and blocks of a cascade that the source lacks.
        skipped: Names in the source that belong to no backbone, or to blocks of a cascade that the model lacks.
    """

    filled: tuple[str, ...]
    fresh: tuple[str, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class TrainedBackbone:
    """A backbone from a file.

    Attributes:
        path: The file.
        config: Which one.
        conventions: Conventions of its weights.
        details: Fields of `Compatibility` that its weights need, by name; not the rates, if it keeps all its strides.
        state: Its tensors, by our names without `backbone.`.
        skipped: Names in the file that belong to no backbone.
    """

    path: Path
    config: BackboneConfig
    conventions: Conventions
    details: Mapping[str, str]
    state: Mapping[str, Tensor]
    skipped: tuple[str, ...]

    def adopted(self, ours: ModelConfig) -> ModelConfig:
        """Return our network, built as these weights need it.

        For all that concerns a backbone it has their conventions and, where it has this kind of backbone, their
        details; a backbone of another kind is refused by `load_backbone`.
        """
        theirs = {name: getattr(self.conventions, name) for name in (*_BUILT_IN, "input_mean", "input_std")}
        conventions = replace(ours.conventions, **theirs)
        details = self.details if _same_kind(ours.backbone, self.config) else {}
        return replace(ours, conventions=conventions, compatibility=replace(ours.compatibility, **details))


def read_backbone(
    source: str | Path, *, wanted: BackboneConfig | None = None, on_progress: OnProgress | None = None
) -> TrainedBackbone:
    """The backbone of a file.

    Args:
        source: An official MobileNetV2 or DeepLabv3 `.tflite`, an archive of ours, a checkpoint of a project that
            docs/weights.md lists, a name in the manifest, or `timm:NAME` (`weights/timm_weights.py`).
        wanted: The backbone that it is for. For a network of timm, a file of timm's names is read as that network's.
        on_progress: Sees a download grow.

    Raises:
        InputError: If the source is none of these, or damaged.
    """
    if str(source).startswith(SCHEME):
        return _from_timm(str(source))
    head = read_head(resolve(source, on_progress=on_progress))
    if archive.is_archive(head):
        return _from_archive(head.path)
    return _of_timm(head.path, timm_file(wanted, head.path)) if isinstance(wanted, TimmConfig) else _from_foreign(head)


def load_backbone(
    model: DeepLab, source: str | Path | TrainedBackbone, *, on_progress: OnProgress | None = None
) -> Transfer:
    """Fill the backbone of a model; its image scaling becomes what these weights were trained with.

    Blocks that a cascade adds are taken as far as both have them: a plain ResNet fills block1 to block4, and block5 to
    block7 stay fresh. Where the model takes other than three channels, the first layer's kernels are spread over them
    (`spread_over_channels`).

    Args:
        model: Changed in place.
        source: Result of `read_backbone`, or its argument.
        on_progress: Sees a download grow.

    Raises:
        InputError: If the source is none of what can be read, its backbone is of another kind or width than the
            model's, or its weights need other conventions (padding, epsilon, striding units) or details (the
            convolution that strides, rates) than the model was built with.
    """
    found = (
        source
        if isinstance(source, TrainedBackbone)
        else read_backbone(source, wanted=model.config.backbone, on_progress=on_progress)
    )
    path = found.path
    backbone = model.backbone
    assert isinstance(backbone, nn.Module)
    ours = model.config.backbone
    units = _units_in_common(ours, found.config)
    state = _first_units(found.state, units)
    first = next(iter(state))  # every backbone starts with the convolution that sees the image
    state[first] = spread_over_channels(state[first], model.config.in_channels)
    own = backbone.state_dict()
    if _shapes(state) != _shapes(_first_units(own, units)):
        raise InputError(f"{path}: its backbone is {found.config}, the model's is {ours}; build the model like it")
    _check_details(path, model.config.compatibility, details=found.details)
    conventions = _merged(path, ours=model.config.conventions, theirs=found.conventions)
    backbone.load_state_dict({**own, **state})
    model.preprocess = Preprocess(conventions, in_channels=model.config.in_channels).to(own[first].device)
    model.config = replace(model.config, conventions=conventions)
    filled = tuple(f"backbone.{key}" for key in state)
    fresh = tuple(key for key in model.state_dict() if key not in filled)
    beyond = tuple(f"backbone.{key}" for key in found.state if key not in state)
    return Transfer(filled, fresh, found.skipped + beyond)


def spread_over_channels(kernel: Tensor, channels: int) -> Tensor:
    """First-layer kernels `[k, 3, h, w]` for images of another number of channels.

    Fewer channels: each gets the mean of all kernels. More: the first three keep theirs, further ones get the mean.
    All are scaled by 3 / channels, so that an image whose channels are all equal gives what it gave before.
    """
    if kernel.shape[1] == channels:
        return kernel
    mean = kernel.mean(dim=1, keepdim=True)
    kept = kernel if channels > kernel.shape[1] else kernel[:, :0]
    spread = torch.cat([kept, mean.expand(-1, channels - kept.shape[1], -1, -1)], dim=1)
    return spread * (kernel.shape[1] / channels)


def _from_foreign(head: FileHead) -> TrainedBackbone:
    network = read_foreign(head)
    state, rest = _parted(network.state)
    try:
        for name, tensor in state.items():
            checked_numbers(f"backbone.{name}", tensor)
    except InputError as error:
        raise InputError(f"{head.path}: {error}") from error
    skipped = (*network.skipped, *rest)
    config = network.config
    details = _details(config, atrous=network.segments and config.output_stride < _CLASSIFIER_STRIDE)
    return TrainedBackbone(head.path, config.backbone, config.conventions, details, state, skipped)


def _from_timm(source: str) -> TrainedBackbone:
    return _of_timm(*timm_network(source))


def _of_timm(path: Path, network: TimmNetwork) -> TrainedBackbone:
    state = network.backbone.state_dict()
    return TrainedBackbone(path, network.config, network.conventions, {}, state, ())


def _from_archive(path: Path) -> TrainedBackbone:
    model = archive.load(path).model
    state, rest = _parted(model.state_dict())
    config = model.config
    details = _details(config, atrous=config.output_stride < _CLASSIFIER_STRIDE)
    return TrainedBackbone(path, config.backbone, config.conventions, details, state, rest)


def _details(config: ModelConfig, *, atrous: bool) -> dict[str, str]:
    """Details that the weights of a backbone need; rates are among them only if it was trained with some."""
    return {name: getattr(config.compatibility, name) for name in (BACKBONE_DETAILS if atrous else _LAYOUT)}


def _same_kind(ours: BackboneConfig, theirs: BackboneConfig) -> bool:
    """Return True if two backbones have the same kind of units, so that details of one can be built into the other."""
    if isinstance(ours, ResNetConfig) and isinstance(theirs, ResNetConfig):
        return ours.depth == theirs.depth
    return type(ours) is type(theirs)


def _parted(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Tensors of the backbone by its own names, and names of the rest."""
    inside = {key.removeprefix("backbone."): value for key, value in state.items() if key.startswith("backbone.")}
    return inside, tuple(key for key in state if not key.startswith("backbone."))


def _units_in_common(ours: BackboneConfig, theirs: BackboneConfig) -> int:
    """Number of units that must agree: all of them, but in the cascades of ResNets those of the shorter one."""
    if not (isinstance(ours, ResNetConfig) and isinstance(theirs, ResNetConfig)):
        return sys.maxsize
    blocks = BLOCK_UNITS[ours.depth]
    return sum(blocks) + blocks[-1] * min(ours.added_blocks, theirs.added_blocks)


def _first_units(state: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """Tensors of the first units, and those that belong to no unit."""
    units = {key: re.match(r"units\.(\d+)\.", key) for key in state}
    return {key: state[key] for key, unit in units.items() if unit is None or int(unit[1]) < count}


def _shapes(state: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in state.items()}


def _check_details(path: Path, ours: Compatibility, *, details: Mapping[str, str]) -> None:
    """Refuse weights that need other details than the model was built with, though every tensor fits."""
    for name, needed in details.items():
        built = getattr(ours, name)
        if built != needed:
            raise InputError(
                f"{path}: its weights need {name} {needed!r}, the model was built with {built!r}; build it with "
                f"compatibility=Compatibility({name}={needed!r})"
            )


def _merged(path: Path, *, ours: Conventions, theirs: Conventions) -> Conventions:
    """Our conventions with their image scaling; what is built into the layers must agree."""
    for name in _BUILT_IN:
        if getattr(ours, name) != getattr(theirs, name):
            raise InputError(
                f"{path}: its weights need {name} {getattr(theirs, name)!r}, the model was built with "
                f"{getattr(ours, name)!r}; build the model with the weights' conventions"
            )
    return replace(ours, input_mean=theirs.input_mean, input_std=theirs.input_std)
