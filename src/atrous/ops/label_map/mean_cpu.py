"""Compiled label map of several views on a CPU: computes probabilities only where the views disagree.

Bilinear interpolation is a convex combination, and softmax keeps the order of the classes. So where one class is the
largest at all four neighbours of a pixel in every view, its mean probability is the largest, too. The other pixels of a
row are gathered, and their probabilities are summed view by view.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple, no_type_check

import numpy as np
import torch
from torch import Tensor

from atrous.ops.bilinear import Neighbours
from atrous.ops.cpu.compilation import compiled
from atrous.ops.cpu.threads import parallel_for
from atrous.ops.label_map.labels import Labels
from atrous.ops.label_map.views import View

ROWS = 16
"""Least number of rows of the image that a thread labels at a time."""

PIXELS = 256
"""Pixels whose probabilities are summed together: they stay in the fastest cache."""

Array = np.ndarray


class ViewNeighbours(NamedTuple):
    """Neighbours in every view of the pixels along an axis of the image, as arrays for numba.

    Attributes:
        first: [views, pixels] index of the neighbour before. Unsigned, as is `second`: this spares numba's code for
            negative indices.
        second: [views, pixels] index of the neighbour after.
        weight: [views, pixels] weight of the neighbour after, 0..1.
    """

    first: Array
    second: Array
    weight: Array

    def part(self, pixels: slice) -> "ViewNeighbours":
        """Select some of the pixels."""
        return ViewNeighbours(*(values[:, pixels] for values in self))


class Maps(NamedTuple):
    """Coarse maps of all views of one image in one array.

    Attributes:
        logits: Logits, ordered by view, row, class and column.
        best: Class of the largest logit, the lowest of equal ones, ordered by view, row and column.
        starts: [views] index in `best` at which a view begins; in `logits` it is classes times that.
        widths: [views] number of columns of the maps.
        classes: Number of classes.
    """

    logits: Array
    best: Array
    starts: Array
    widths: Array
    classes: int


def mean_label_map(views: Sequence[View], labels: Labels) -> None:
    """Fill `labels` [b, H, W] from finite logits in single precision, with as many threads as torch uses."""
    batch, height, _ = labels.shape
    threads = torch.get_num_threads()
    piece = max(ROWS, -(-height * batch // (4 * threads)))
    rows, columns = _stacked([view.rows for view in views]), _stacked([view.columns for view in views])
    maps = [_maps([view.logits[image] for view in views]) for image in range(batch)]

    def work(task: tuple[int, int]) -> None:
        image, start = task
        some = slice(start, start + piece)
        _label_rows(maps[image], rows.part(some), columns, labels[image, some].numpy())

    parallel_for(work, list(product(range(batch), range(0, height, piece))))


def _stacked(views: list[Neighbours]) -> ViewNeighbours:
    first, second = (
        np.stack([ends.numpy() for ends in all_ends]).astype(np.uint32)
        for all_ends in ([one.first for one in views], [one.second for one in views])
    )
    return ViewNeighbours(first, second, np.stack([one.weight.numpy() for one in views]))


def _maps(logits: list[Tensor]) -> Maps:
    """Collect the views' maps of `[k, h, w]`."""
    sizes = [one.shape[1] * one.shape[2] for one in logits]
    classes = logits[0].shape[0]
    memory = np.concatenate([one.permute(1, 0, 2).reshape(-1).numpy() for one in logits])
    starts, widths = np.cumsum([0, *sizes[:-1]]), np.array([one.shape[2] for one in logits])
    maps = Maps(memory, np.empty(sum(sizes), np.int32), starts, widths, classes)
    _find_best(maps)
    return maps


@compiled
@no_type_check
def _find_best(maps: Maps) -> None:
    """Fill in the class of the largest logit."""
    logits, labels, starts, widths, classes = maps
    for view in range(len(starts)):
        end = starts[view + 1] if view + 1 < len(starts) else len(labels)
        width = widths[view]
        best = np.empty(width, np.float32)
        for start in range(starts[view], end, width):
            line = labels[start : start + width]
            line[:] = 0
            best[:] = logits[start * classes : start * classes + width]
            for k in range(1, classes):
                begin = start * classes + k * width
                values, label = logits[begin : begin + width], np.int32(k)
                for x in range(width):
                    better = values[x] > best[x]
                    best[x] = values[x] if better else best[x]
                    line[x] = label if better else line[x]


@compiled
@no_type_check
def _label_rows(maps: Maps, rows: ViewNeighbours, columns: ViewNeighbours, labels: Array) -> None:
    """Label some rows of the image."""
    agreed = np.empty(labels.shape[1], np.int32)
    undecided = np.empty(labels.shape[1], np.uint32)
    for y in range(len(labels)):
        _agree(maps, rows.first[:, y], rows.second[:, y], columns, agreed)
        count = 0
        for x in range(len(agreed)):
            labels[y, x] = agreed[x]
            if agreed[x] < 0:
                undecided[count] = x
                count += 1
        for begin in range(0, count, PIXELS):
            some = undecided[begin : min(begin + PIXELS, count)]
            _decide(maps, rows.first[:, y], rows.second[:, y], rows.weight[:, y], columns, some, labels[y])


@compiled
@no_type_check
def _agree(maps: Maps, above: Array, below: Array, columns: ViewNeighbours, agreed: Array) -> None:
    """Find for every pixel of a row the class that is the largest at all neighbours in every view, or -1."""
    for view in range(len(above)):
        width, start = maps.widths[view], maps.starts[view]
        upper = maps.best[start + above[view] * width : start + (above[view] + 1) * width]
        lower = maps.best[start + below[view] * width : start + (below[view] + 1) * width]
        both = np.empty(width, np.int32)
        for x in range(width):
            both[x] = upper[x] if upper[x] == lower[x] else -1
        first, second = columns.first[view], columns.second[view]
        for x in range(len(agreed)):
            left, right = both[first[x]], both[second[x]]
            here = left if left == right else np.int32(-1)
            agreed[x] = here if view == 0 or agreed[x] == here else -1


@compiled
@no_type_check
def _decide(
    maps: Maps, above: Array, below: Array, weight: Array, columns: ViewNeighbours, pixels: Array, labels: Array
) -> None:
    """Label some pixels of a row of the image by their mean probabilities."""
    count, classes = len(pixels), maps.classes
    total, values = np.zeros((classes, count), np.float32), np.empty((classes, count), np.float32)
    bits, scale = np.empty(count, np.int32), np.empty(count, np.float32)
    for view in range(len(above)):
        first, second, across = columns.first[view][pixels], columns.second[view][pixels], columns.weight[view][pixels]
        width, start = maps.widths[view], maps.starts[view]
        upper = maps.logits[(start + above[view] * width) * classes : (start + (above[view] + 1) * width) * classes]
        lower = maps.logits[(start + below[view] * width) * classes : (start + (below[view] + 1) * width) * classes]
        line, highest = np.empty(width, np.float32), np.full(count, -np.inf, np.float32)
        for k in range(classes):
            up, low, row = upper[k * width : (k + 1) * width], lower[k * width : (k + 1) * width], values[k]
            for x in range(width):
                line[x] = up[x] + (low[x] - up[x]) * weight[view]
            for i in range(count):
                row[i] = line[first[i]] + (line[second[i]] - line[first[i]]) * across[i]
                highest[i] = max(highest[i], row[i])
        scale[:] = 0
        for k in range(classes):
            _exponential(values[k], highest, bits)
            for i in range(count):
                scale[i] += values[k, i]
        for i in range(count):
            scale[i] = 1 / scale[i]
        for k in range(classes):
            for i in range(count):
                total[k, i] += values[k, i] * scale[i]
    label, best = np.zeros(count, np.int32), total[0].copy()
    for k in range(1, classes):
        for i in range(count):
            better = total[k, i] > best[i]
            best[i] = total[k, i] if better else best[i]
            label[i] = k if better else label[i]
    for i in range(count):
        labels[pixels[i]] = label[i]


@compiled
@no_type_check
def _exponential(values: Array, highest: Array, bits: Array) -> None:
    """Replace values by exp(values - highest), to 2^-22: 2^n times the Taylor series of e^r, |r| <= ln(2) / 2.

    The result is at least e^-87, which has no influence beside the 1 of the highest. `bits` is working memory.
    """
    powers = bits.view(np.float32)
    for i in range(len(values)):
        x = max(values[i] - highest[i], np.float32(-87))
        n = np.floor(x * np.float32(1.4426950408889634) + np.float32(0.5))
        r = (x - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4)  # ln 2 in two parts: the first is exact
        series = np.float32(1 / 5040)
        series = series * r + np.float32(1 / 720)
        series = series * r + np.float32(1 / 120)
        series = series * r + np.float32(1 / 24)
        series = series * r + np.float32(1 / 6)
        series = series * r + np.float32(0.5)
        series = series * r + np.float32(1)
        values[i] = series * r + np.float32(1)
        bits[i] = (np.int32(n) + np.int32(127)) << np.int32(23)
    for i in range(len(values)):
        values[i] *= powers[i]
