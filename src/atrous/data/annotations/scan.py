"""The label space that masks show where there is no schema: their values, or the names that they use."""

import os
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.masks import NamingReader, read_values
from atrous.data.annotations.named_shapes import proposed_labels
from atrous.data.pairs import Pair
from atrous.data.schema import SCHEMA_FILE, Schema, count_values
from atrous.errors import InputError
from atrous.labels import LabelSpace

_IGNORE = 255
_PROPOSED = 32
"""More values than this in a mask are not class ids that somebody forgot to number; nor are all 256 of a byte."""


def scan(folder: Path, pairs: Sequence[tuple[Pair, NamingReader]]) -> Schema:
    """The label space that all masks together show.

    Masks with names: background and the names, in alphabetical order. Masks with numbers: 0..n-1, and 255 for ignore.

    Args:
        folder: The data, for the message.
        pairs: Every pair with the reader of its mask.

    Raises:
        InputError: If the masks hold other numbers, or some hold names and others numbers; the line proposes a schema.
    """
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        names = list(pool.map(lambda item: item[1].names(item[0]), pairs))
        if any(found is not None for found in names):
            return named_schema(folder, names)
        per_mask = list(pool.map(lambda item: np.unique(read_values(item[0].mask)), pairs))
    return numbered_schema(folder, {pair.mask: found for (pair, _), found in zip(pairs, per_mask, strict=True)})


def numbered_schema(folder: Path, masks: Mapping[Path, Integer[np.ndarray, " n"]]) -> Schema:
    """The schema that the values of all masks show together; raises InputError as `scan`."""
    values = [int(value) for value in np.unique(np.concatenate([*masks.values()]))]
    ids = [value for value in values if value != _IGNORE]
    if len(ids) > 1 and ids == list(range(len(ids))) and values != list(range(256)):
        return Schema(LabelSpace.unnamed(len(ids)))
    suspects = range(len(ids)) if len(ids) > 1 else range(1)
    path = next((path for path, found in masks.items() if not np.isin(found, suspects).all()), next(iter(masks)))
    raise InputError(
        f"{path} has {count_values(read_values(path))}; without {SCHEMA_FILE} masks hold 0..n-1 for two "
        f"classes or more, and {_IGNORE} for ignore; {_proposal(folder, values=values)}"
    )


def named_schema(folder: Path, names: Sequence[Set[str] | None]) -> Schema:
    """The schema that the names in all masks show together; raises InputError as `scan`."""
    if None in names:
        raise InputError(
            f"{folder} has names in some masks and numbers in others; write {folder / SCHEMA_FILE} with the classes"
        )
    found = proposed_labels(name for mask in names if mask for name in mask)
    if len(found) < 2:
        raise InputError(f"the masks of {folder} name no class; there is nothing to learn: draw some shapes")
    return Schema(found)


def proposed_schema(values: Sequence[int]) -> Schema | None:
    """The schema that would make masks of these values usable; None where they do not look like class ids."""
    if not 2 <= len(values) <= _PROPOSED:
        return None
    ids = list(values) if len(values) == 2 else [value for value in values if value != _IGNORE]
    names = tuple(f"value {value}" for value in ids)
    return Schema(LabelSpace(names), remap={value: label for label, value in enumerate(ids)})


def _proposal(folder: Path, *, values: list[int]) -> str:
    """The schema that would make these masks usable, on one line."""
    if len(values) > _PROPOSED:
        return f"{len(values)} different values look like a picture or smoothed edges, not class ids: correct the masks"
    if len(values) == 1:
        return f"all masks hold nothing but {values[0]}: there is nothing to learn; correct the masks"
    proposed = proposed_schema(values)
    assert proposed
    names = ", ".join(f'"{name}"' for name in proposed.labels.names)
    table = ", ".join(f"{value} = {label}" for value, label in proposed.remap.items())
    return f"write {folder / SCHEMA_FILE} with the two lines: classes = [{names}] and: remap = {{ {table} }}"
