"""YOLO's keypoints: rows of a class, a box and points, which look like polygons and have no outline.

`0 0.52 0.41 0.30 0.62 0.47 0.22 2 ...`: class, centre and size of the box, then x, y (and visibility) of each point
"""

import math
from collections.abc import Iterator
from itertools import chain

import numpy as np
from jaxtyping import Bool, Float64

from atrous.data.layouts.small_texts import YAML_FILES, text_of, yaml_content
from atrous.data.layouts.tree import Tree, folded
from atrous.errors import InputError

_BOX = 5
"""Numbers before the points: the class and the box."""
_VISIBILITIES = (0.0, 1.0, 2.0)
_FEWEST, _MOST_READ = 10, 1000
"""Different rows that tell points from corners by themselves; rows that are read."""
_MARGIN, _MOSTLY = 0.05, 0.9
"""Share of the picture by which a box may leave it, and of a box by which a point may; rows of which this must hold."""
_FILLED = 0.5
"""Points fill at least this share of their box, by the median over rows; corners that happen to lie in it do not."""


def are_keypoints(tree: Tree) -> bool:
    """Return True if `data.yaml` states the shape of points and rows fit it, or if all rows are a box and its points.

    Rows are those of text files that have the name of a picture.
    """
    rows: list[list[float]] = []
    for found in _rows(tree):
        rows += found
        if len(rows) >= _MOST_READ:
            break
    lengths = {*map(len, rows)}
    if lengths & _stated_lengths(tree):
        return True
    if len(lengths) != 1:
        return False
    numbers = np.unique(np.array(rows), axis=0)
    return len(numbers) >= _FEWEST and (_have_visibilities(numbers) or _fill_their_boxes(numbers))


def rows_of_numbers(text: str) -> list[list[float]] | None:
    """The numbers of each line that is not empty; None where a word is no finite number."""
    try:
        rows = [[float(word) for word in line.split()] for line in text.splitlines() if line.strip()]
    except ValueError:
        return None
    return rows if all(map(math.isfinite, chain.from_iterable(rows))) else None


def _rows(tree: Tree) -> Iterator[list[list[float]]]:
    names = {folded(path.stem) for path in tree.pictures}
    for path in tree.with_suffix(".txt"):
        if folded(path.stem) not in names:
            continue
        if (rows := rows_of_numbers(text_of(tree, path))) is not None:
            yield rows


def _stated_lengths(tree: Tree) -> set[int]:
    """Lengths of rows by `kpt_shape`, points and numbers of each; none where no file states it or can be read."""
    found = set[int]()
    for path in tree.named(*YAML_FILES):
        try:
            shape = yaml_content(tree, path).get("kpt_shape")
        except InputError:  # without the library that reads it
            continue
        if isinstance(shape, list) and len(shape) == 2 and all(type(part) is int and part > 0 for part in shape):
            found.add(_BOX + shape[0] * shape[1])
    return found


def _have_visibilities(rows: Float64[np.ndarray, "rows n"]) -> bool:
    points = rows[:, _BOX:]
    if points.shape[1] < 6 or points.shape[1] % 3:
        return False
    points = points.reshape(len(rows), -1, 3)
    labelled = points[..., 2] > 0
    return bool(np.isin(points[..., 2], _VISIBILITIES).all()) and _agree(rows, points[..., :2], labelled)


def _fill_their_boxes(rows: Float64[np.ndarray, "rows n"]) -> bool:
    points = rows[:, _BOX:]
    if points.shape[1] < 4 or points.shape[1] % 2:
        return False
    points = points.reshape(len(rows), -1, 2)
    labelled = (points != 0).any(axis=2)  # points that are not in the picture are 0, 0
    if not labelled.any(axis=1).all() or not _agree(rows, points, labelled):
        return False
    shown = np.where(labelled[..., None], points, np.nan)
    filled = (np.nanmax(shown, axis=1) - np.nanmin(shown, axis=1)) / rows[:, 3:5]
    return bool((np.median(filled, axis=0) >= _FILLED).all())


def _agree(
    rows: Float64[np.ndarray, "rows n"], points: Float64[np.ndarray, "rows k 2"], labelled: Bool[np.ndarray, "rows k"]
) -> bool:
    """Return True if in nearly all rows the box lies in the picture and every labelled point in the box."""
    center, size = rows[:, 1:3], rows[:, 3:5]
    if (size <= 0).any():
        return False
    reach = (0.5 + _MARGIN) * size
    boxes = ((center - size / 2 >= -_MARGIN) & (center + size / 2 <= 1 + _MARGIN)).all(axis=1)
    inside = (np.abs(points - center[:, None]) <= reach[:, None]).all(axis=2) | ~labelled
    return bool((boxes & inside.all(axis=1)).mean() >= _MOSTLY)
