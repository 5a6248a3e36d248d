"""Masks whose values count objects (cells, glands, plants) instead of naming classes.

In every mask the values are 1 to n, n differs from mask to mask, and every value is one connected area. Classes have
the same numbers everywhere, some masks lack one in the middle, and most classes lie in several places.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.masks import read_values
from atrous.errors import InputError

_LEAST_MASKS, _LEAST_COUNTS, _LEAST_OBJECTS = 3, 3, 4
_SAMPLED, _SHOWN, _CONNECTED = 6, 8, 0.9
_MOST_PASSES = 20
_CELLPOSE = "_cp_masks"
"""End of the names of masks that Cellpose writes, whose values always count objects."""


def are_objects(masks: Mapping[Path, Mapping[int, int]]) -> bool:
    """Return True if the values of masks count objects.

    Args:
        masks: Value -> pixels, of every mask of numbers; a few masks are read.
    """
    counts = {path: len(found.keys() - {0}) for path, found in masks.items()}
    if masks and all(path.stem.lower().endswith(_CELLPOSE) for path in masks):
        return max(counts.values()) > 1
    if len(masks) < _LEAST_MASKS or max(counts.values()) < _LEAST_OBJECTS or len({*counts.values()}) < _LEAST_COUNTS:
        return False
    if any({*found} - {0} != {*range(1, counts[path] + 1)} for path, found in masks.items()):
        return False
    paths = [path for path in masks if counts[path]]
    whole = [one for path in paths[:: max(1, len(paths) // _SAMPLED)][:_SAMPLED] for one in _connected(path)]
    return bool(whole) and float(np.mean(whole)) >= _CONNECTED


def _connected(path: Path) -> list[bool]:
    """For some values of a mask, True where its pixels are one area."""
    try:
        values = read_values(path)
    except InputError:
        return []
    shown = [value for value in np.unique(values).tolist() if value][:_SHOWN]
    return [_is_one_area(values, value) for value in shown]


def _is_one_area(values: Integer[np.ndarray, "h w"], value: int) -> bool:
    """Return True if the runs of a value in neighbouring rows are connected to one area, corners included."""
    rows, columns = np.nonzero(values == value)
    inside = values[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] == value
    area = np.zeros(inside.shape, bool)
    area[0] = _spread(_first_run(inside[0]), inside[0])
    for _ in range(_MOST_PASSES):
        grown = area.copy()
        for row in (*range(1, len(inside)), *range(len(inside) - 2, -1, -1)):
            near = np.logical_or.reduce(grown[max(row - 1, 0) : row + 2], axis=0)
            near = near | np.append(False, near[:-1]) | np.append(near[1:], False)
            grown[row] |= _spread(near & inside[row], inside[row])
        if (grown == area).all():
            return bool((area == inside).all())
        area = grown
    return False


def _first_run(row: np.ndarray) -> np.ndarray:
    found = np.zeros(len(row), bool)
    found[int(row.argmax())] = True
    return found


def _spread(seeds: np.ndarray, row: np.ndarray) -> np.ndarray:
    """The runs of a row that hold a seed."""
    run = np.cumsum(np.diff(np.concatenate([[0], row.astype(np.int8)])) == 1)
    return row & np.isin(run, run[seeds])
