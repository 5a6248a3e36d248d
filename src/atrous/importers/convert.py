"""Conversion of a foreign network to a model, with its classes or with others."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.class_names import named_rows
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.numbers import checked_numbers
from atrous.importers.one_class import CLASSIFIERS
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.deeplab import DeepLab


@dataclass(frozen=True)
class Conversion:
    """A model, and an account of every tensor.

    Attributes:
        model: In eval mode, float32.
        labels: Names of its classes.
        mapped: Names in the model that hold values of the file.
        skipped: Names in the file that were left out, each with the reason.
        fresh: Names in the model that hold random values, each with the reason.
        notes: Sentences about names that were given to its classes.
    """

    model: DeepLab
    labels: LabelSpace
    mapped: tuple[str, ...]
    skipped: Mapping[str, str]
    fresh: Mapping[str, str]
    notes: tuple[str, ...] = ()


def convert(
    network: ForeignNetwork,
    *,
    labels: LabelSpace | None = None,
    head: Literal["copied", "fresh"] = "copied",
    seed: int = 0,
) -> Conversion:
    """Build the network of a source and fill it.

    Args:
        network: The foreign network.
        labels: Other classes. Rows of the logits are copied by name; where the source does not name its classes, but
            has as many, the labels name them (`class_names.py`). None keeps the source's.
        head: "fresh" takes the backbone alone; what follows it gets random values.
        seed: Seed of the random values.

    Raises:
        InputError: If the source segments nothing and its head is not to be fresh, or a value is no weight.
    """
    if head == "copied" and not network.segments:
        raise InputError(
            f"{network.format} segments nothing; use it as backbone weights, or convert it with a fresh head"
        )
    rows = named_rows(network, labels)
    present, wanted = rows.present, rows.wanted
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(seed)  # and no other device's: the caller's numbers stay as they were
        model = build(replace(network.config, classes=len(wanted)))
    state = model.state_dict()
    mapped, fresh = [], {}
    for name, target in state.items():
        if head == "fresh" and not name.startswith("backbone."):
            fresh[name] = "the head is fresh"
        elif name.startswith(CLASSIFIERS) and wanted.names != present.names:
            fresh |= _copy_rows(name, network.state[name], target, rows=present.names, wanted=wanted.names)
            mapped += [name] if any(label in present.names for label in wanted.names) else []
        else:
            target.copy_(checked_numbers(name, network.state[name]))
            mapped.append(name)
    return Conversion(model.eval(), wanted, tuple(mapped), network.skipped, fresh, rows.notes)


def _copy_rows(
    name: str, kernel: Tensor, target: Tensor, *, rows: tuple[str, ...], wanted: tuple[str, ...]
) -> dict[str, str]:
    """Fill the rows of classes that both have; return the names of rows that stay fresh."""
    for row, label in enumerate(wanted):
        if label in rows:
            target[row] = checked_numbers(name, kernel[rows.index(label)])
    missing = [label for label in wanted if label not in rows]
    return {name: f"rows of classes that the source does not name: {', '.join(missing)}"} if missing else {}
