"""A checkpoint of any known project as a `ForeignNetwork`, recognised by the names of its tensors."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.overrides import scaling_of_255
from atrous.importers.projects import (
    bubbliiiing,
    detectron2,
    efficientnet_lite,
    hugging_face,
    jfzhang95,
    mmsegmentation,
    smp,
    timm,
    torchvision,
    vainf,
)
from atrous.importers.projects.no_network import OPTIMIZER_ALONE, is_optimizer, without_weights
from atrous.importers.projects.parameters_alone import with_statistics
from atrous.importers.projects.refused import refuse_known, unknown
from atrous.importers.projects.stated_size import stated_size
from atrous.importers.pytorch.groups import Group, is_tensor, prefixes
from atrous.importers.pytorch.pickle_machine import called_names
from atrous.importers.pytorch.state_dict import Contents, StateDict, open_file
from atrous.report.wording import shortened

PEERS = (
    hugging_face,
    mmsegmentation,
    detectron2,
    jfzhang95,
    bubbliiiing,
    smp,
    vainf,
    timm,
    efficientnet_lite,
    torchvision,
)
"""Asked in this order; each has `recognises(names)` and `read(found)`."""

AVERAGED = re.compile(r"(^|[._])(ema|swa|averaged?|avg)([._]|$)")
"""Keys of weights that were averaged over training, which are what was evaluated."""

PREFERRED = ("state_dict", "model_state", "model_state_dict", "model", "net", "network", "weights")
"""Keys of the state dict among others, in the order of preference."""

SCALINGS = (("mean", "std"), ("pixel_mean", "pixel_std"), ("normalize.mean", "normalize.std"))
"""Names of buffers with the input scaling, beside a network."""

NO_TENSOR = "no tensor of the network"
"""Reason for leaving out a tensor that lies beside a network under a name that says nothing."""

_BESIDE = (
    (r"(^|\.)(n_averaged)$", "a counter of averaged weights"),
    (r"^ema_[a-z0-9_]+$", "a second copy of the weights, by MMCV's average over training"),
    (r"(^|[._])(criterion|loss)", "weights of a loss"),
    (r"(^|[._])(metrics?|confmat|iou|accuracy)([._]|$)", "the state of a metric"),
    (r"(^|[._])(optim|optimizer|exp_avg|momentum_buffer|scheduler|scaler)", "the state of an optimizer"),
)
"""Patterns of names beside a network, and what they are."""


@dataclass(frozen=True)
class Candidate:
    """A network that was recognised.

    Attributes:
        group: Its tensors by their names without what wrappers put before them.
        outer: The group that they lie in.
        peer: The project that knows the names.
        averaged: True if the weights are an average over training, as their key says.
    """

    group: Group
    outer: Group
    peer: ModuleType
    averaged: bool


def read_torch(path: Path, *, key: str | None = None) -> ForeignNetwork:
    """Read the network of a PyTorch checkpoint, a safetensors file, or a folder as Hugging Face writes it.

    Args:
        path: The file or folder.
        key: Name of the state dict that is taken where there are several; None prefers averaged weights.

    Raises:
        InputError: If it is damaged, of no known project, or a network that is not built here; the message says why.
    """
    try:
        with open_file(path) as contents:
            return _chosen(contents, key=key)
    except InputError as error:
        raise InputError(f"{path}: {shortened(str(error), limit=600)}") from error  # names may be anything
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def from_state_dict(found: StateDict) -> ForeignNetwork:
    """Read the network of a state dict whose names begin as its project's do.

    Raises:
        InputError: As `read_torch`.
    """
    names = found.tensors.keys()
    refuse_known(names)
    peer = _peer(names)
    if peer is None:
        raise InputError(unknown(names))
    return _read(peer, found)


def _read(peer: ModuleType, found: StateDict) -> ForeignNetwork:
    network = peer.read(found)
    return network if network.size is not None else replace(network, size=stated_size(found))


def _chosen(contents: Contents, *, key: str | None) -> ForeignNetwork:
    for group in contents.groups:
        for prefix in prefixes(group.tensors):
            refuse_known([name.removeprefix(prefix) for name in group.tensors if name.startswith(prefix)])
    swapped = _is_swapped(contents.value)
    candidates = [candidate for group in contents.groups for candidate in _candidates(group, swapped=swapped)]
    if not candidates:
        groups = sorted(contents.groups, key=lambda group: -len(group.tensors))
        if not groups and contents.value is not None:
            raise InputError(without_weights(called_names(contents.value)))
        if groups and is_optimizer(f"{group.key}.{name}" for group in groups for name in group.names):
            raise InputError(OPTIMIZER_ALONE)
        raise InputError(unknown(groups[0].tensors if groups else ()))
    taken = _preferred(candidates, key=key)
    scaling, beside = _beside(taken, contents)
    others = [candidate for candidate in candidates if candidate is not taken]
    whole, kept = with_statistics(taken.group, [candidate.group for candidate in others])
    network = _read(taken.peer, contents.state_dict(whole))
    notes = [*network.notes, *kept]
    if others:
        kind = "averaged weights" if taken.averaged else "weights"
        listed = ", ".join(candidate.group.key or "the outer ones" for candidate in others)
        notes.append(f"the {kind} {taken.group.key} were taken; --key takes others: {listed:.200}")
    if scaling is not None:
        conventions = replace(network.config.conventions, input_mean=scaling[0], input_std=scaling[1])
        config = replace(network.config, conventions=conventions)
        known = tuple(name for name in network.assumed if name != "scaling")
        network = replace(network, config=config, assumed=known)
        notes.append("mean and std were read from buffers beside the network")
    if not network.segments and any(beside.get(name) == NO_TENSOR for name in taken.outer.tensors):
        network = replace(network, format=f"{network.format} beside a head of no project that is known here")
    return replace(network, skipped={**beside, **network.skipped}, notes=tuple(notes))


def _is_swapped(value: Any) -> bool:
    """Return True for a checkpoint of MMEngine's EMAHook, which saves the average as `state_dict`.

    Its `ema_state_dict` then holds the weights of the last step (mmengine/hooks/ema_hook.py, `before_save_checkpoint`).
    """
    if not isinstance(value, dict) or not {"state_dict", "ema_state_dict"} <= value.keys():
        return False
    meta = value.get("meta")
    return "message_hub" in value or (isinstance(meta, dict) and "mmengine_version" in meta)


def _is_average(key: str, *, swapped: bool) -> bool:
    """Return True if the weights under a key are an average."""
    if swapped and key.partition(".")[0] in ("state_dict", "ema_state_dict"):
        return key.startswith("state_dict")
    return bool(AVERAGED.search(key.lower()))


def _candidates(group: Group, *, swapped: bool) -> Iterator[Candidate]:
    """Networks in a group, outer beginnings of names first; within a network no other is looked for."""
    inside: list[str] = []
    for prefix in prefixes(group.tensors):
        if any(prefix.startswith(outer) for outer in inside):
            continue
        within = group.within(prefix)
        network = Group(within.key, {name: each for name, each in within.tensors.items() if _beside_kind(name) is None})
        peer = _peer(network.names)
        if peer is not None:
            inside.append(prefix)
            yield Candidate(network, group, peer, averaged=_is_average(within.key, swapped=swapped))


def _preferred(candidates: list[Candidate], *, key: str | None) -> Candidate:
    if key is not None:
        for candidate in candidates:
            if key in (candidate.group.key, candidate.outer.key):
                return candidate
        listed = ", ".join(candidate.group.key or "(none)" for candidate in candidates)
        raise InputError(f"no network under the key {key!r:.80}; there are: {listed:.300}")

    def order(candidate: Candidate) -> tuple[bool, int]:
        first = candidate.group.key.partition(".")[0]
        return not candidate.averaged, PREFERRED.index(first) if first in PREFERRED else len(PREFERRED)

    return min(candidates, key=order)


def _beside(
    taken: Candidate, contents: Contents
) -> tuple[tuple[tuple[float, ...], tuple[float, ...]] | None, dict[str, str]]:
    """Input scaling beside the network, and names of all other tensors with the reason for leaving them out."""
    members = {id(value) for value in taken.group.tensors.values()}
    skipped: dict[str, str] = {}
    for group in contents.groups:
        rest = [name for name, value in group.tensors.items() if id(value) not in members]
        if group is not taken.outer and rest:
            name = group.key.partition(".")[0] if contents.value is not None else group.key
            skipped[name] = _beside_kind(group.key) or "no tensors of the network"
        else:
            skipped |= {name: _beside_kind(name) or NO_TENSOR for name in rest}
    if isinstance(contents.value, dict) and taken.outer.key:
        key = taken.outer.key.partition(".")[0]
        skipped |= {str(name): "no tensors of the network" for name in contents.value if str(name) != key}
    elif isinstance(contents.value, dict):
        others = [str(name) for name, value in contents.value.items() if not is_tensor(value)]
        skipped = {**dict.fromkeys(others, NO_TENSOR), **skipped}
    for names in SCALINGS:
        places = [next((name for name in taken.outer.tensors if name.split(".", 1)[-1] == each or name == each), "")
                  for each in names]  # fmt: skip
        if all(places):
            read = contents.load(Group("", {name: taken.outer.tensors[name] for name in places}))
            mean, std = (tuple(map(float, read[name].flatten().tolist()[:1024])) for name in places)
            trivial = set(mean) == {0.0} and set(std) == {1.0}
            skipped |= dict.fromkeys(places, "input scaling, which is part of the conventions")
            return (None if trivial else scaling_of_255(mean, std)), skipped
    return None, skipped


def _beside_kind(name: str) -> str | None:
    """Kind of a tensor that belongs to no network, from its name; None if it may belong to one."""
    if any(name in pair for pair in SCALINGS):
        return "input scaling, which is part of the conventions"
    return next((kind for pattern, kind in _BESIDE if re.search(pattern, name.lower())), None)


def _peer(names: Collection[str]) -> ModuleType | None:
    return next((peer for peer in PEERS if peer.recognises(names)), None)
