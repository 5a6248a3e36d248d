"""YOLO's keypoints: rows of a class, a box and points, which look like polygons and have no outline.

`0 0.52 0.41 0.30 0.62 0.47 0.22 2 ...`: class, centre and size of the box, then x, y (and visibility) of each point
"""

import numpy as np
from jaxtyping import Float64

from atrous.data.layouts.class_names import YAML_FILES, text_of, yaml_content
from atrous.data.layouts.tree import Tree

_BOX = 5
"""Numbers before the points: the class and the box."""
_VISIBILITIES = (0.0, 1.0, 2.0)
_FEWEST, _MOST_READ = 10, 1000
"""Rows of numbers that tell points from corners by themselves; rows that are read."""
_FILLED = 0.5
"""Points fill at least this share of their box, by the median over rows; corners that lie in a box by chance do not."""


def are_keypoints(tree: Tree) -> bool:
    """Return True if text files hold keypoints: `data.yaml` states it, or all rows are a box with points in it."""
    if any("kpt_shape" in yaml_content(tree, path) for path in tree.named(*YAML_FILES)):
        return True
    rows: list[list[float]] = []
    for path in tree.with_suffix(".txt"):
        try:
            found = [[float(word) for word in line.split()] for line in text_of(tree, path).splitlines()]
        except ValueError:  # a list, or notes
            continue
        rows += [row for row in found if len(row) > _BOX + 2]
        if len(rows) >= _MOST_READ:
            break
    if len(rows) < _FEWEST or len({*map(len, rows)}) > 1:
        return False
    numbers = np.array(rows)
    return _have_visibilities(numbers) or _fill_their_boxes(numbers)


def _have_visibilities(rows: Float64[np.ndarray, "rows n"]) -> bool:
    return (rows.shape[1] - _BOX) % 3 == 0 and bool(np.isin(rows[:, _BOX + 2 :: 3], _VISIBILITIES).all())


def _fill_their_boxes(rows: Float64[np.ndarray, "rows n"]) -> bool:
    if rows.shape[1] % 2 == 0:
        return False
    center, size, points = rows[:, None, 1:3], rows[:, None, 3:5], rows[:, _BOX:].reshape(len(rows), -1, 2)
    labelled = (points != 0).any(axis=2)  # points that are not in the picture are 0, 0
    inside = (np.abs(points - center) <= 0.55 * size).all(axis=2)
    if not (inside | ~labelled).all() or not labelled.any(axis=1).all():
        return False
    shown = np.where(labelled[..., None], points, np.nan)
    filled = (np.nanmax(shown, axis=1) - np.nanmin(shown, axis=1)) / np.maximum(size[:, 0], 1e-6)
    return bool((np.median(filled, axis=0) >= _FILLED).all())
