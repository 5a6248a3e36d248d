"""A foreign network becomes a model of ours, with its own classes or with others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.foreign_network import ForeignNetwork
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.deeplab import DeepLab

CLASSIFIERS = ("classifier.", "middle_classifier.")
"""Beginnings of the names of what has a row for each class."""


@dataclass(frozen=True)
class Conversion:
    """A model, and what happened to every tensor.

    Attributes:
        model: In eval mode, float32.
        labels: What its classes mean.
        mapped: Our names that hold the source's values.
        skipped: Their names of what was left out, each with the reason.
        fresh: Our names that hold random values, each with the reason.
    """

    model: DeepLab
    labels: LabelSpace
    mapped: tuple[str, ...]
    skipped: Mapping[str, str]
    fresh: Mapping[str, str]


def convert(
    source: ForeignNetwork,
    *,
    labels: LabelSpace | None = None,
    head: Literal["copied", "fresh"] = "copied",
    seed: int = 0,
) -> Conversion:
    """Build the network of a source and fill it.

    Args:
        source: What was read.
        labels: Other classes. Rows of the logits are copied by name; where the source does not name its classes, but
            has as many, the labels name them. None keeps the source's.
        head: "fresh" takes the backbone alone; what follows it gets random values.
        seed: Of the random values.

    Raises:
        InputError: If the source segments nothing and its head is not to be fresh, or a value is no finite number.
    """
    if head == "copied" and not source.segments:
        raise InputError(
            f"{source.format} segments nothing; use it as backbone weights, or convert it with a fresh head"
        )
    theirs = source.labels or LabelSpace.unnamed(source.config.classes)
    wanted = labels or theirs
    if source.labels is None and len(wanted) == len(theirs):
        theirs = wanted
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(seed)  # and no other device's: the caller's numbers stay as they were
        model = build(replace(source.config, classes=len(wanted)))
    state = model.state_dict()
    mapped, fresh = [], {}
    for name, target in state.items():
        if head == "fresh" and not name.startswith("backbone."):
            fresh[name] = "the head is fresh"
        elif name.startswith(CLASSIFIERS) and wanted.names != theirs.names:
            fresh |= _copy_rows(name, source.state[name], target, theirs=theirs.names, ours=wanted.names)
            mapped += [name] if any(label in theirs.names for label in wanted.names) else []
        else:
            target.copy_(_finite(name, source.state[name]))
            mapped.append(name)
    return Conversion(model.eval(), wanted, tuple(mapped), source.skipped, fresh)


def _copy_rows(
    name: str, source: Tensor, target: Tensor, *, theirs: tuple[str, ...], ours: tuple[str, ...]
) -> dict[str, str]:
    """Fill the rows of classes that both have; those that stay fresh, by name."""
    for row, label in enumerate(ours):
        if label in theirs:
            target[row] = _finite(name, source[theirs.index(label)])
    missing = [label for label in ours if label not in theirs]
    return {name: f"rows of classes that the source does not name: {', '.join(missing)}"} if missing else {}


def _finite(name: str, tensor: Tensor) -> Tensor:
    if tensor.is_floating_point() and not tensor.isfinite().all():
        raise InputError(f"{name} holds values that are no finite numbers")
    return tensor
