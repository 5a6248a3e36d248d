"""Training and validation data of a run: splits of a folder, or folds of all its pictures."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from atrous.data.dataset import DataSet, open_splits
from atrous.data.joined import JoinedData
from atrous.data.selection import Selection
from atrous.errors import InputError

NO_VALIDATION = "none"
"""Name of the validation split with which a run trains on all pictures and validates on none."""


def opened_data(
    folder: Path, split: str, val_split: str, *, later: Sequence[str] = (), schema: Path | None
) -> tuple[dict[str, DataSet], DataSet | None]:
    """Open the data of all stages, by split, and the validation data, with one look through the masks.

    Args:
        folder: The folder.
        split: Split of the first stage.
        val_split: Split to validate on; for `none`, `train` also holds the pictures of `val`.
        later: Splits of later stages.
        schema: The meaning of the masks, if it is not in the folder.

    Raises:
        InputError: If the folder cannot be opened or lacks a split.
    """
    validated = [] if val_split == NO_VALIDATION else [val_split]
    joined = [split, "val"] if not validated and split == "train" else [split]
    splits = open_splits(folder, splits=[*dict.fromkeys([*joined, *validated, *later])], schema=schema)
    if validated:
        return splits, splits[val_split]
    return {**splits, split: JoinedData(tuple(splits[name] for name in joined))}, None


def fold_data(data: DataSet, folds: int) -> list[tuple[DataSet, DataSet]]:
    """Split a data set into `folds` pairs of training and validation data; every image is validated on once.

    Raises:
        InputError: If there are fewer than two folds, or fewer images than folds.
    """
    if not 2 <= folds <= len(data):
        raise InputError(f"{folds} folds of {len(data)} images; choose 2 to {len(data)}")
    order = sorted(range(len(data)), key=lambda index: hashlib.sha256(data.names[index].encode()).digest())
    pairs = []
    for fold in range(folds):
        held_out = sorted(order[fold::folds])
        rest = sorted({*order} - {*held_out})
        rule = f"fold {fold + 1} of {folds}"
        pairs.append(
            (Selection(data, tuple(rest), rule=f"all but {rule}"), Selection(data, tuple(held_out), rule=rule))
        )
    return pairs
