"""Compiled kernels of the label map on a CPU; see `cpu.py` for the algorithm."""

from typing import NamedTuple, no_type_check

import numpy as np

from atrous.ops.cpu.compilation import compiled
from atrous.ops.label_map.cells import CellAxis

COLUMNS = 256
"""Pixels of a row that are interpolated together, class after class: they stay in the fastest cache."""

Array = np.ndarray


class MapRow(NamedTuple):
    """A row of the coarse map.

    Attributes:
        planes: [classes, columns] logits.
        winner: [columns] class of the largest logit, the lowest of equal ones; -1 where not all are finite.
    """

    planes: Array
    winner: Array


@compiled
@no_type_check
def label_strips(
    memory: Array,
    strides: tuple[int, int, int],
    classes: int,
    width: int,
    rows: CellAxis,
    columns: CellAxis,
    labels: Array,
) -> None:
    """Label all strips of `rows` of one image.

    Args:
        memory: Memory of the logits of the strips, from the first element on.
        strides: Strides in `memory` of classes, rows and columns.
        classes: Number of classes.
        width: Number of columns of the coarse map.
        rows: Cells along the height.
        columns: Cells along the width.
        labels: [pixels of rows, pixels of columns] label map, which is filled.
    """
    above = MapRow(np.empty((classes, width), memory.dtype), np.empty(width, np.int32))
    below = MapRow(np.empty((classes, width), memory.dtype), np.empty(width, np.int32))
    for strip in range(len(rows.edges) - 1):
        top, bottom = rows.edges[strip], rows.edges[strip + 1]
        if strip > 0 and rows.first[top] == rows.second[top - 1]:
            above, below = below, above
        else:
            _read_row(memory, strides, rows.first[top], above)
        _read_row(memory, strides, rows.second[top], below)
        near, far, lines = rows.near[top:bottom], rows.far[top:bottom], labels[top:bottom]
        cells = _label_agreeing(above, below, columns, lines)
        pixels = _pixels(cells, columns)
        candidates = _candidates(above, below, cells, columns)
        for begin in range(0, len(pixels), COLUMNS):
            _interpolate(above, below, candidates, near, far, pixels[begin : begin + COLUMNS], columns, lines)
        _label_not_finite(above, below, near, far, cells, columns, lines)


@compiled
@no_type_check
def _read_row(memory: Array, strides: tuple[int, int, int], number: int, row: MapRow) -> None:
    """Read a row in the order of its memory, and find the class of the largest logit of each column."""
    planes, winner = row
    classes, width = planes.shape
    start = number * strides[1]
    if strides[0] == 1:
        for x in range(width):
            for k in range(classes):
                planes[k, x] = memory[start + x * strides[2] + k]
    else:
        for k in range(classes):
            for x in range(width):
                planes[k, x] = memory[start + k * strides[0] + x * strides[2]]
    best, not_finite = np.empty(width, planes.dtype), np.empty(width, planes.dtype)
    for x in range(width):
        best[x], not_finite[x], winner[x] = planes[0, x], 0, 0
    for k in range(classes):
        plane, label = planes[k], np.int32(k)
        for x in range(width):
            better = plane[x] > best[x]
            best[x] = plane[x] if better else best[x]
            winner[x] = label if better else winner[x]
            not_finite[x] += plane[x] - plane[x]  # 0, or NaN from then on
    for x in range(width):
        winner[x] = winner[x] if not_finite[x] == 0 else -1


@compiled
@no_type_check
def _label_agreeing(above: MapRow, below: MapRow, columns: CellAxis, labels: Array) -> Array:
    """Label the cells of a strip whose corners agree, and return the others, whose labels are not valid yet."""
    cells = np.empty(len(columns.edges) - 1, np.int64)
    count = 0
    for cell in range(len(cells)):
        begin, end = columns.edges[cell], columns.edges[cell + 1]
        left, right = columns.first[begin], columns.second[begin]
        winner = above.winner[left]
        if winner < 0 or winner != above.winner[right] or winner != below.winner[left] or winner != below.winner[right]:
            cells[count] = cell
            count += 1
        for x in range(begin, end):
            labels[0, x] = winner
    for y in range(1, labels.shape[0]):
        for x in range(labels.shape[1]):
            labels[y, x] = labels[0, x]
    return cells[:count]


@compiled
@no_type_check
def _pixels(cells: Array, columns: CellAxis) -> Array:
    """List the columns of the pixels of some cells."""
    pixels = np.empty(len(columns.first), np.int64)
    count = 0
    for cell in cells:
        for x in range(columns.edges[cell], columns.edges[cell + 1]):
            pixels[count] = x
            count += 1
    return pixels[:count]


@compiled
@no_type_check
def _candidates(above: MapRow, below: MapRow, cells: Array, columns: CellAxis) -> Array:
    """List the classes that can win in some cell: largest corner at least the largest of all classes' smallest ones."""
    classes = len(above.planes)
    left, right = columns.first[columns.edges[cells]], columns.second[columns.edges[cells]]
    highest = np.empty((classes, len(cells)), above.planes.dtype)
    bound = np.full(len(cells), -np.inf, above.planes.dtype)
    for k in range(classes):
        up, down, high = above.planes[k], below.planes[k], highest[k]
        for i in range(len(cells)):
            a, b, c, d = up[left[i]], up[right[i]], down[left[i]], down[right[i]]
            high[i] = max(max(a, b), max(c, d))
            bound[i] = max(bound[i], min(min(a, b), min(c, d)))
    candidates = np.empty(classes, np.int64)
    count = 0
    for k in range(classes):
        high, can = highest[k], False
        for i in range(len(cells)):
            can |= high[i] >= bound[i]
        if can:
            candidates[count] = k
            count += 1
    return candidates[:count]


@compiled
@no_type_check
def _interpolate(
    above: MapRow,
    below: MapRow,
    candidates: Array,
    near: Array,
    far: Array,
    pixels: Array,
    columns: CellAxis,
    labels: Array,
) -> None:
    """Label some columns of a strip with the best of the candidate classes."""
    first, second, left, right = (
        columns.first[pixels],
        columns.second[pixels],
        columns.near[pixels],
        columns.far[pixels],
    )
    best = np.full((len(near), len(pixels)), -np.inf, near.dtype)
    winner = np.zeros((len(near), len(pixels)), np.int32)
    upper, lower = np.empty(len(pixels), near.dtype), np.empty(len(pixels), near.dtype)
    for k in candidates:
        _interpolate_row(above.planes[k], first, second, left, right, upper)
        _interpolate_row(below.planes[k], first, second, left, right, lower)
        for y in range(len(near)):
            _compare(k, upper, lower, near[y], far[y], best[y], winner[y])
    for y in range(len(near)):
        for i in range(len(pixels)):
            labels[y, pixels[i]] = winner[y, i]


@compiled
@no_type_check
def _interpolate_row(plane: Array, first: Array, second: Array, near: Array, far: Array, values: Array) -> None:
    """Interpolate one class along a row."""
    for i in range(len(values)):
        values[i] = plane[first[i]] * near[i] + plane[second[i]] * far[i]


@compiled
@no_type_check
def _compare(k: int, upper: Array, lower: Array, near: float, far: float, best: Array, winner: Array) -> None:
    """Interpolate one class between two rows, and update the best value and its class."""
    label = np.int32(k)
    for i in range(len(best)):
        value = upper[i] * near + lower[i] * far
        better = value > best[i]
        best[i] = value if better else best[i]
        winner[i] = label if better else winner[i]


@compiled
@no_type_check
def _label_not_finite(
    above: MapRow, below: MapRow, near: Array, far: Array, cells: Array, columns: CellAxis, labels: Array
) -> None:
    """Label again, pixel by pixel, the cells that have a NaN or an infinity at a corner."""
    up, down = above.planes, below.planes
    for cell in cells:
        begin, end = columns.edges[cell], columns.edges[cell + 1]
        left, right = columns.first[begin], columns.second[begin]
        if min(min(above.winner[left], above.winner[right]), min(below.winner[left], below.winner[right])) >= 0:
            continue
        for x in range(begin, end):
            for y in range(len(near)):
                best = up[0, left]
                for k in range(len(up)):
                    upper = _mean(up[k, left], up[k, right], columns.near[x], columns.far[x])
                    lower = _mean(down[k, left], down[k, right], columns.near[x], columns.far[x])
                    value = _mean(upper, lower, near[y], far[y])
                    if k == 0 or value > best or (value != value and best == best):
                        best = value
                        labels[y, x] = k


@compiled
@no_type_check
def _mean(first: float, second: float, near: float, far: float) -> float:
    """Weighted mean of two values; a value of weight 0 does not count, not even if it is infinite or NaN."""
    if far == 0:
        return first
    if near == 0:
        return second
    return first * near + second * far
