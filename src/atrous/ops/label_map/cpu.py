"""The label map of coarse logits on a CPU, compiled: interpolates only where neighbours disagree.

A *cell* is the pixels between the same four neighbours on the coarse map, a *strip* a row of cells. Bilinear
interpolation is a convex combination of the four, which settles most cells without interpolating:

* where one class is the largest at all four, it is the largest at every pixel of the cell;
* elsewhere a class can only win if the largest of its four values reaches the largest of all classes' smallest ones. It
  need not be the largest anywhere: (10, 0, 9) and (0, 10, 9) give (5, 5, 9) midway.

The cells of a strip that are left over are laid side by side, so that the processor's vectors are full whatever the
size of a cell, and the classes that can win in any of them are interpolated. Cells with a NaN or an infinity at a
corner are left over, too, and are then labelled once more with care.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple, no_type_check

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from atrous.ops.bilinear import Neighbours, axis
from atrous.ops.cpu.compilation import compiled
from atrous.ops.cpu.threads import parallel_for
from atrous.ops.label_map.upsample_argmax import Labels, exact_dtype
from atrous.ops.upsample import Placement

LONGEST = 32
"""Pixels of a cell along an axis, at most: cells of huge factors are cut, which bounds what is held."""

STRIPS = 64
"""What a thread does at a time, at most: bounds what is copied of half-precision logits."""

COLUMNS = 256
"""Pixels of a row that are interpolated together, class after class: they stay in the fastest cache."""

Array = np.ndarray


class CellAxis(NamedTuple):
    """How the pixels along an axis lie in cells, and between which two neighbours.

    Attributes:
        edges: [cells + 1] first pixel of every cell, and the end of the last.
        first: [pixels] neighbour before. Unsigned, as is `second`: numba minds negative indices.
        second: [pixels] neighbour after.
        near: [pixels] weight of the neighbour before.
        far: [pixels] weight of the neighbour after.
    """

    edges: Array
    first: Array
    second: Array
    near: Array
    far: Array

    def part(self, start: int, stop: int) -> "CellAxis":
        """Some of the cells; pixels and neighbours count from their first."""
        edges = self.edges[start : stop + 1]
        pixels = slice(edges[0], edges[-1])
        first, second = self.first[pixels], self.second[pixels]
        return CellAxis(edges - edges[0], first - first[0], second - first[0], self.near[pixels], self.far[pixels])


class StripRow(NamedTuple):
    """A row of the coarse map.

    Attributes:
        planes: [classes, columns] logits.
        won: [columns] the class of the largest, the lowest of equal ones; -1 where not all are finite.
    """

    planes: Array
    won: Array


def label_map(logits: Float[Tensor, "b k h w"], labels: Labels, placement: Placement) -> None:
    """Fill `labels`, which are contiguous and not empty, with as many threads as torch uses."""
    align_corners, dtype = placement.align_corners, exact_dtype(logits.dtype)
    lengths = zip(placement.crop, placement.size, logits.shape[-2:], strict=True)
    rows, columns = (_regular_axis(*along, align_corners=align_corners, dtype=dtype) for along in lengths)
    _label_map(logits, labels, rows, columns)


def label_map_at(logits: Float[Tensor, "b k h w"], labels: Labels, down: Neighbours, across: Neighbours) -> None:
    """The same for pixels at chosen places, in order; weights are of the type that logits are interpolated in."""
    _label_map(logits, labels, _axis(down), _axis(across))


@lru_cache(maxsize=16)
def _regular_axis(pixels: int, length: int, source: int, *, align_corners: bool, dtype: torch.dtype) -> CellAxis:
    """Kept: maps in a row often have one size, and a small one is labelled almost as fast as this is computed."""
    like = torch.empty(0, dtype=dtype, device="cpu")
    return _axis(axis(pixels, length=length, source=source, align_corners=align_corners, like=like))


def _label_map(logits: Float[Tensor, "b k h w"], labels: Labels, rows: CellAxis, columns: CellAxis) -> None:
    dtype = exact_dtype(logits.dtype)
    strips, threads = len(rows.edges) - 1, torch.get_num_threads()
    piece = min(STRIPS, -(-strips * len(logits) // threads))

    def work(task: tuple[int, int]) -> None:
        image, start = task
        some = rows.part(start, start + piece)
        top, pixel = int(rows.first[rows.edges[start]]), int(rows.edges[start])
        values = logits[image, :, top : top + int(some.second[-1]) + 1].to(dtype)
        part = labels[image, pixel : pixel + len(some.first)]
        _label_strips(_memory(values), values.stride(), values.shape[0], values.shape[2], some, columns, part.numpy())

    parallel_for(work, list(product(range(len(logits)), range(0, strips, piece))))


def _axis(places: Neighbours) -> CellAxis:
    first, second, far = places.first.numpy(), places.second.numpy(), places.weight.numpy()
    pixels = np.arange(len(first))
    begins = np.flatnonzero(np.diff(first, prepend=-1))
    within = pixels - begins[np.searchsorted(begins, pixels, side="right") - 1]
    edges = np.append(np.flatnonzero(within % LONGEST == 0), len(first))
    return CellAxis(edges, first.astype(np.uint32), second.astype(np.uint32), 1 - far, far)


def _memory(tensor: Tensor) -> Array:
    """The memory that a tensor lies in, from its first element on: one type of array for all layouts."""
    last = sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.as_strided((last + 1,), (1,)).numpy()


@compiled
@no_type_check
def _label_strips(
    memory: Array,
    strides: tuple[int, int, int],
    classes: int,
    width: int,
    rows: CellAxis,
    columns: CellAxis,
    labels: Array,
) -> None:
    """Label strips of one image, whose map of classes, rows and columns lies in `memory` with `strides`."""
    above = StripRow(np.empty((classes, width), memory.dtype), np.empty(width, np.int32))
    below = StripRow(np.empty((classes, width), memory.dtype), np.empty(width, np.int32))
    for strip in range(len(rows.edges) - 1):
        top, bottom = rows.edges[strip], rows.edges[strip + 1]
        if strip > 0 and rows.first[top] == rows.second[top - 1]:
            above, below = below, above
        else:
            _read_row(memory, strides, rows.first[top], above)
        _read_row(memory, strides, rows.second[top], below)
        near, far, lines = rows.near[top:bottom], rows.far[top:bottom], labels[top:bottom]
        cells = _settle(above, below, columns, lines)
        pixels = _pixels(cells, columns)
        contenders = _contenders(above, below, cells, columns)
        for begin in range(0, len(pixels), COLUMNS):
            _interpolate(above, below, contenders, near, far, pixels[begin : begin + COLUMNS], columns, lines)
        _mind_the_infinite(above, below, near, far, cells, columns, lines)


@compiled
@no_type_check
def _read_row(memory: Array, strides: tuple[int, int, int], number: int, row: StripRow) -> None:
    """Fill a row, in the order in which its numbers lie in memory."""
    planes, won = row
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
    best, odd = np.empty(width, planes.dtype), np.empty(width, planes.dtype)
    for x in range(width):
        best[x], odd[x], won[x] = planes[0, x], 0, 0
    for k in range(classes):
        plane, label = planes[k], np.int32(k)
        for x in range(width):
            better = plane[x] > best[x]
            best[x] = plane[x] if better else best[x]
            won[x] = label if better else won[x]
            odd[x] += plane[x] - plane[x]  # 0, or NaN for good
    for x in range(width):
        won[x] = won[x] if odd[x] == 0 else -1


@compiled
@no_type_check
def _settle(above: StripRow, below: StripRow, columns: CellAxis, labels: Array) -> Array:
    """Label the cells of a strip whose corners agree. The others are returned; what is written there has no meaning."""
    cells = np.empty(len(columns.edges) - 1, np.int64)
    count = 0
    for cell in range(len(cells)):
        begin, end = columns.edges[cell], columns.edges[cell + 1]
        left, right = columns.first[begin], columns.second[begin]
        won = above.won[left]
        if won < 0 or won != above.won[right] or won != below.won[left] or won != below.won[right]:
            cells[count] = cell
            count += 1
        for x in range(begin, end):
            labels[0, x] = won
    for y in range(1, labels.shape[0]):
        for x in range(labels.shape[1]):
            labels[y, x] = labels[0, x]
    return cells[:count]


@compiled
@no_type_check
def _pixels(cells: Array, columns: CellAxis) -> Array:
    """The columns of the pixels of some cells, side by side."""
    pixels = np.empty(len(columns.first), np.int64)
    count = 0
    for cell in cells:
        for x in range(columns.edges[cell], columns.edges[cell + 1]):
            pixels[count] = x
            count += 1
    return pixels[:count]


@compiled
@no_type_check
def _contenders(above: StripRow, below: StripRow, cells: Array, columns: CellAxis) -> Array:
    """The classes that can win in some cell: whose largest corner reaches the largest of all smallest corners."""
    classes = len(above.planes)
    left, right = columns.first[columns.edges[cells]], columns.second[columns.edges[cells]]
    highest = np.empty((classes, len(cells)), above.planes.dtype)
    bar = np.full(len(cells), -np.inf, above.planes.dtype)
    for k in range(classes):
        up, down, high = above.planes[k], below.planes[k], highest[k]
        for i in range(len(cells)):
            a, b, c, d = up[left[i]], up[right[i]], down[left[i]], down[right[i]]
            high[i] = max(max(a, b), max(c, d))
            bar[i] = max(bar[i], min(min(a, b), min(c, d)))
    contenders = np.empty(classes, np.int64)
    count = 0
    for k in range(classes):
        high, can = highest[k], False
        for i in range(len(cells)):
            can |= high[i] >= bar[i]
        if can:
            contenders[count] = k
            count += 1
    return contenders[:count]


@compiled
@no_type_check
def _interpolate(
    above: StripRow,
    below: StripRow,
    contenders: Array,
    near: Array,
    far: Array,
    pixels: Array,
    columns: CellAxis,
    labels: Array,
) -> None:
    """Label some columns of a strip with the best of the contenders."""
    first, second, left, right = (
        columns.first[pixels],
        columns.second[pixels],
        columns.near[pixels],
        columns.far[pixels],
    )
    best = np.full((len(near), len(pixels)), -np.inf, near.dtype)
    won = np.zeros((len(near), len(pixels)), np.int32)
    upper, lower = np.empty(len(pixels), near.dtype), np.empty(len(pixels), near.dtype)
    for k in contenders:
        _along(above.planes[k], first, second, left, right, upper)
        _along(below.planes[k], first, second, left, right, lower)
        for y in range(len(near)):
            _challenge(k, upper, lower, near[y], far[y], best[y], won[y])
    for y in range(len(near)):
        for i in range(len(pixels)):
            labels[y, pixels[i]] = won[y, i]


@compiled
@no_type_check
def _along(plane: Array, first: Array, second: Array, near: Array, far: Array, values: Array) -> None:
    """Interpolate along a row."""
    for i in range(len(values)):
        values[i] = plane[first[i]] * near[i] + plane[second[i]] * far[i]


@compiled
@no_type_check
def _challenge(k: int, upper: Array, lower: Array, near: float, far: float, best: Array, won: Array) -> None:
    """Interpolate between two rows; what is better than the best so far takes its place."""
    label = np.int32(k)
    for i in range(len(best)):
        value = upper[i] * near + lower[i] * far
        better = value > best[i]
        best[i] = value if better else best[i]
        won[i] = label if better else won[i]


@compiled
@no_type_check
def _mind_the_infinite(
    above: StripRow, below: StripRow, near: Array, far: Array, cells: Array, columns: CellAxis, labels: Array
) -> None:
    """Label again, pixel by pixel, the cells that have a NaN or an infinity at a corner."""
    up, down = above.planes, below.planes
    for cell in cells:
        begin, end = columns.edges[cell], columns.edges[cell + 1]
        left, right = columns.first[begin], columns.second[begin]
        if min(min(above.won[left], above.won[right]), min(below.won[left], below.won[right])) >= 0:
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
    """What has weight 0 has no say, not even if it is infinite or NaN."""
    if far == 0:
        return first
    if near == 0:
        return second
    return first * near + second * far
