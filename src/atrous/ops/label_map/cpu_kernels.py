"""Compiled kernels of the label map on a CPU; see `cpu.py` for the algorithm."""

from typing import NamedTuple, no_type_check

import numpy as np

from atrous.ops.cpu.compilation import compiled
from atrous.ops.label_map.cells import CellAxis

PIXELS_PER_BLOCK = 256
"""Pixels of a row that are interpolated together, class after class: they stay in the fastest cache."""


class MapRow(NamedTuple):
    """A row of the coarse map.

    Attributes:
        logits: [classes, columns] logits.
        winner: [columns] class of the largest logit, the lowest of equal ones; -1 where not all are finite.
    """

    logits: np.ndarray
    winner: np.ndarray


@compiled
@no_type_check
def label_cell_rows(
    memory: np.ndarray,
    strides: tuple[int, int, int],
    classes: int,
    width: int,
    rows: CellAxis,
    columns: CellAxis,
    labels: np.ndarray,
) -> None:
    """Label some rows of cells of one image.

    Args:
        memory: The logits of these rows as a 1-d array, from the first element on.
        strides: Strides in `memory` of classes, rows and columns.
        classes: Number of classes.
        width: Number of columns of the coarse map.
        rows: Cells along the height.
        columns: Cells along the width.
        labels: [pixels of rows, pixels of columns] label map, which is filled.
    """
    above = MapRow(np.empty((classes, width), memory.dtype), np.empty(width, np.int32))
    below = MapRow(np.empty((classes, width), memory.dtype), np.empty(width, np.int32))
    for cell_row in range(len(rows.edges) - 1):
        top, bottom = rows.edges[cell_row], rows.edges[cell_row + 1]
        if cell_row > 0 and rows.first[top] == rows.second[top - 1]:
            above, below = below, above
        else:
            _read_row(memory, strides, rows.first[top], above)
        _read_row(memory, strides, rows.second[top], below)
        weights = rows.first_weight[top:bottom], rows.second_weight[top:bottom]
        label_rows = labels[top:bottom]
        undecided_cells = _label_agreeing(above, below, columns, label_rows)
        undecided_columns = _columns_of_pixels(undecided_cells, columns)
        candidates = _candidates(above, below, undecided_cells, columns)
        for begin in range(0, len(undecided_columns), PIXELS_PER_BLOCK):
            block = undecided_columns[begin : begin + PIXELS_PER_BLOCK]
            _label_by_interpolation(above, below, candidates, weights, block, columns, label_rows)
        _label_not_finite_cells(above, below, weights, undecided_cells, columns, label_rows)


@compiled
@no_type_check
def _read_row(memory: np.ndarray, strides: tuple[int, int, int], coarse_row: int, row: MapRow) -> None:
    """Read a row in the order of its memory, and find the class of the largest logit of each column."""
    logits, winner = row
    classes, width = logits.shape
    start = coarse_row * strides[1]
    if strides[0] == 1:
        for x in range(width):
            for k in range(classes):
                logits[k, x] = memory[start + x * strides[2] + k]
    else:
        for k in range(classes):
            for x in range(width):
                logits[k, x] = memory[start + k * strides[0] + x * strides[2]]
    best, nan_if_not_finite = np.empty(width, logits.dtype), np.empty(width, logits.dtype)
    for x in range(width):
        best[x], nan_if_not_finite[x], winner[x] = logits[0, x], 0, 0
    for k in range(classes):
        class_values, label = logits[k], np.int32(k)
        for x in range(width):
            better = class_values[x] > best[x]
            best[x] = class_values[x] if better else best[x]
            winner[x] = label if better else winner[x]
            nan_if_not_finite[x] += class_values[x] - class_values[x]  # 0, or NaN from then on
    for x in range(width):
        winner[x] = winner[x] if nan_if_not_finite[x] == 0 else -1


@compiled
@no_type_check
def _label_agreeing(above: MapRow, below: MapRow, columns: CellAxis, labels: np.ndarray) -> np.ndarray:
    """Fill the cells whose four corners have the same winner; return the others, which hold a placeholder."""
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
def _columns_of_pixels(cells: np.ndarray, columns: CellAxis) -> np.ndarray:
    """List the columns of the pixels of some cells."""
    pixel_columns = np.empty(len(columns.first), np.int64)
    count = 0
    for cell in cells:
        for x in range(columns.edges[cell], columns.edges[cell + 1]):
            pixel_columns[count] = x
            count += 1
    return pixel_columns[:count]


@compiled
@no_type_check
def _candidates(above: MapRow, below: MapRow, cells: np.ndarray, columns: CellAxis) -> np.ndarray:
    """List the classes that can win in some cell: maximum over its corners at least the largest minimum of a class."""
    classes = len(above.logits)
    left, right = columns.first[columns.edges[cells]], columns.second[columns.edges[cells]]
    highest = np.empty((classes, len(cells)), above.logits.dtype)
    bound = np.full(len(cells), -np.inf, above.logits.dtype)
    for k in range(classes):
        up, down, high = above.logits[k], below.logits[k], highest[k]
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
def _label_by_interpolation(
    above: MapRow,
    below: MapRow,
    candidates: np.ndarray,
    row_weights: tuple[np.ndarray, np.ndarray],
    pixel_columns: np.ndarray,
    columns: CellAxis,
    labels: np.ndarray,
) -> None:
    """Label some columns of a row of cells with the best of the candidate classes."""
    first, second = columns.first[pixel_columns], columns.second[pixel_columns]
    left_weight, right_weight = columns.first_weight[pixel_columns], columns.second_weight[pixel_columns]
    upper_weight, lower_weight = row_weights
    shape, dtype = (len(upper_weight), len(pixel_columns)), upper_weight.dtype
    best, winner = np.full(shape, -np.inf, dtype), np.zeros(shape, np.int32)
    upper, lower = np.empty(len(pixel_columns), dtype), np.empty(len(pixel_columns), dtype)
    for k in candidates:
        _interpolate_row(above.logits[k], first, second, left_weight, right_weight, upper)
        _interpolate_row(below.logits[k], first, second, left_weight, right_weight, lower)
        for y in range(len(upper_weight)):
            _compare(k, upper, lower, upper_weight[y], lower_weight[y], best[y], winner[y])
    for y in range(len(upper_weight)):
        for i in range(len(pixel_columns)):
            labels[y, pixel_columns[i]] = winner[y, i]


@compiled
@no_type_check
def _interpolate_row(
    class_values: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    first_weight: np.ndarray,
    second_weight: np.ndarray,
    interpolated_row: np.ndarray,
) -> None:
    """Interpolate one class along a row."""
    for i in range(len(interpolated_row)):
        interpolated_row[i] = class_values[first[i]] * first_weight[i] + class_values[second[i]] * second_weight[i]


@compiled
@no_type_check
def _compare(
    k: int,
    upper: np.ndarray,
    lower: np.ndarray,
    upper_weight: float,
    lower_weight: float,
    best: np.ndarray,
    winner: np.ndarray,
) -> None:
    """Interpolate one class between two rows, and update the best value and its class."""
    label = np.int32(k)
    for i in range(len(best)):
        value = upper[i] * upper_weight + lower[i] * lower_weight
        better = value > best[i]
        best[i] = value if better else best[i]
        winner[i] = label if better else winner[i]


@compiled
@no_type_check
def _label_not_finite_cells(
    above: MapRow,
    below: MapRow,
    row_weights: tuple[np.ndarray, np.ndarray],
    cells: np.ndarray,
    columns: CellAxis,
    labels: np.ndarray,
) -> None:
    """Label again, pixel by pixel, the cells that have a NaN or an infinity at a corner."""
    up, down = above.logits, below.logits
    upper_weight, lower_weight = row_weights
    for cell in cells:
        begin, end = columns.edges[cell], columns.edges[cell + 1]
        left, right = columns.first[begin], columns.second[begin]
        if min(min(above.winner[left], above.winner[right]), min(below.winner[left], below.winner[right])) >= 0:
            continue
        for x in range(begin, end):
            for y in range(len(upper_weight)):
                best = up[0, left]
                for k in range(len(up)):
                    left_weight, right_weight = columns.first_weight[x], columns.second_weight[x]
                    upper = _lerp_without_zero_weights(up[k, left], up[k, right], left_weight, right_weight)
                    lower = _lerp_without_zero_weights(down[k, left], down[k, right], left_weight, right_weight)
                    value = _lerp_without_zero_weights(upper, lower, upper_weight[y], lower_weight[y])
                    if k == 0 or value > best or (value != value and best == best):
                        best = value
                        labels[y, x] = k


@compiled
@no_type_check
def _lerp_without_zero_weights(first: float, second: float, first_weight: float, second_weight: float) -> float:
    """Interpolate between two values; a value of weight 0 contributes 0, even if it is infinite or NaN."""
    if second_weight == 0:
        return first
    if first_weight == 0:
        return second
    return first * first_weight + second * second_weight
