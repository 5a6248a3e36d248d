"""Compiled label map of mean probabilities on a CPU.

It computes probabilities only where the largest class differs between augmented inputs or neighbours: bilinear
interpolation is a convex combination, and softmax keeps the order of the classes. So where one class is the largest at
all four neighbours of a pixel in all augmented logits, its mean probability is the largest, too. The other pixels of a
row are gathered, and their probabilities are summed over the augmented inputs.
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
from atrous.ops.label_map.augmented_logits import AugmentedLogits
from atrous.ops.label_map.labels import Labels
from atrous.sizes import ceil_div

MIN_ROWS_PER_TASK = 16
"""Smallest number of rows of the image that a thread labels at a time."""

PIXELS_PER_BLOCK = 256
"""Pixels whose probabilities are summed together: they stay in the fastest cache."""


class AugmentedNeighbours(NamedTuple):
    """Neighbours of the pixels along an axis of the image in the logits of m augmented inputs, as arrays for numba.

    Attributes:
        first: [m, pixels] index of the first neighbour. Unsigned, so that numba generates no code for negative indices.
        second: [m, pixels] index of the second neighbour, unsigned, too.
        weight: [m, pixels] weight of the second neighbour, 0..1.
    """

    first: np.ndarray
    second: np.ndarray
    weight: np.ndarray

    def part(self, pixels: slice) -> "AugmentedNeighbours":
        """Select some of the pixels."""
        return AugmentedNeighbours(*(values[:, pixels] for values in self))


class Maps(NamedTuple):
    """Coarse logits of m augmented inputs of one image in one array.

    Attributes:
        logits: Logits, ordered by input, row, class and column.
        winner: Class of the largest logit, the lowest of equal ones, ordered by input, row and column.
        starts: [m] index in `winner` at which the map of an input begins; in `logits` it is classes times that.
        widths: [m] number of columns of the maps.
        classes: Number of classes.
    """

    logits: np.ndarray
    winner: np.ndarray
    starts: np.ndarray
    widths: np.ndarray
    classes: int


def fill_mean_label_map(augmented_logits: Sequence[AugmentedLogits], labels: Labels) -> None:
    """Fill `labels` [b, H, W] from finite logits in single precision, with as many threads as torch uses."""
    batch, height, _ = labels.shape
    threads = torch.get_num_threads()
    rows_per_task = max(MIN_ROWS_PER_TASK, ceil_div(height * batch, 4 * threads))
    rows, columns = (
        _stacked([one.rows for one in augmented_logits]),
        _stacked([one.columns for one in augmented_logits]),
    )
    maps = [_maps([one.logits[image] for one in augmented_logits]) for image in range(batch)]

    def work(task: tuple[int, int]) -> None:
        image, start = task
        task_rows = slice(start, start + rows_per_task)
        _label_rows(maps[image], rows.part(task_rows), columns, labels[image, task_rows].numpy())

    parallel_for(work, list(product(range(batch), range(0, height, rows_per_task))))


def _stacked(axes: list[Neighbours]) -> AugmentedNeighbours:
    first = np.stack([axis.first.numpy() for axis in axes]).astype(np.uint32)
    second = np.stack([axis.second.numpy() for axis in axes]).astype(np.uint32)
    return AugmentedNeighbours(first, second, np.stack([axis.weight.numpy() for axis in axes]))


def _maps(logits: list[Tensor]) -> Maps:
    """Collect maps of `[k, h, w]`."""
    sizes = [one.shape[1] * one.shape[2] for one in logits]
    classes = logits[0].shape[0]
    memory = np.concatenate([one.permute(1, 0, 2).reshape(-1).numpy() for one in logits])
    starts, widths = np.cumsum([0, *sizes[:-1]]), np.array([one.shape[2] for one in logits])
    maps = Maps(memory, np.empty(sum(sizes), np.int32), starts, widths, classes)
    _find_winners(maps)
    return maps


@compiled
@no_type_check
def _find_winners(maps: Maps) -> None:
    """Fill in the class of the largest logit."""
    logits, winners, starts, widths, classes = maps
    for m in range(len(starts)):
        end = starts[m + 1] if m + 1 < len(starts) else len(winners)
        width = widths[m]
        best = np.empty(width, np.float32)
        for start in range(starts[m], end, width):
            winner_row = winners[start : start + width]
            winner_row[:] = 0
            best[:] = logits[start * classes : start * classes + width]
            for k in range(1, classes):
                begin = start * classes + k * width
                values, label = logits[begin : begin + width], np.int32(k)
                for x in range(width):
                    better = values[x] > best[x]
                    best[x] = values[x] if better else best[x]
                    winner_row[x] = label if better else winner_row[x]


@compiled
@no_type_check
def _label_rows(maps: Maps, rows: AugmentedNeighbours, columns: AugmentedNeighbours, labels: np.ndarray) -> None:
    """Label some rows of the image."""
    winner = np.empty(labels.shape[1], np.int32)
    undecided_columns = np.empty(labels.shape[1], np.uint32)
    for y in range(len(labels)):
        _common_winner(maps, rows.first[:, y], rows.second[:, y], columns, winner)
        count = 0
        for x in range(len(winner)):
            labels[y, x] = winner[x]
            if winner[x] < 0:
                undecided_columns[count] = x
                count += 1
        for begin in range(0, count, PIXELS_PER_BLOCK):
            block = undecided_columns[begin : min(begin + PIXELS_PER_BLOCK, count)]
            _label_by_probability(
                maps, rows.first[:, y], rows.second[:, y], rows.weight[:, y], columns, block, labels[y]
            )


@compiled
@no_type_check
def _common_winner(
    maps: Maps, above: np.ndarray, below: np.ndarray, columns: AugmentedNeighbours, winner: np.ndarray
) -> None:
    """Find for every pixel of a row the class that is the largest at all neighbours in all logits, or -1."""
    for m in range(len(above)):
        width, start = maps.widths[m], maps.starts[m]
        upper = maps.winner[start + above[m] * width : start + (above[m] + 1) * width]
        lower = maps.winner[start + below[m] * width : start + (below[m] + 1) * width]
        both = np.empty(width, np.int32)
        for x in range(width):
            both[x] = upper[x] if upper[x] == lower[x] else -1
        first, second = columns.first[m], columns.second[m]
        for x in range(len(winner)):
            left, right = both[first[x]], both[second[x]]
            here = left if left == right else np.int32(-1)
            winner[x] = here if m == 0 or winner[x] == here else -1


@compiled
@no_type_check
def _label_by_probability(
    maps: Maps,
    above: np.ndarray,
    below: np.ndarray,
    weight: np.ndarray,
    columns: AugmentedNeighbours,
    pixels: np.ndarray,
    labels: np.ndarray,
) -> None:
    """Label some pixels of a row of the image by their mean probabilities."""
    count, classes = len(pixels), maps.classes
    probability_sum, values = np.zeros((classes, count), np.float32), np.empty((classes, count), np.float32)
    bits, sum_of_exponentials = np.empty(count, np.int32), np.empty(count, np.float32)
    for m in range(len(above)):
        first, second, column_weight = columns.first[m][pixels], columns.second[m][pixels], columns.weight[m][pixels]
        width, start = maps.widths[m], maps.starts[m]
        upper = maps.logits[(start + above[m] * width) * classes : (start + (above[m] + 1) * width) * classes]
        lower = maps.logits[(start + below[m] * width) * classes : (start + (below[m] + 1) * width) * classes]
        interpolated_row, highest = np.empty(width, np.float32), np.full(count, -np.inf, np.float32)
        for k in range(classes):
            up, low, class_values = upper[k * width : (k + 1) * width], lower[k * width : (k + 1) * width], values[k]
            for x in range(width):
                interpolated_row[x] = up[x] + (low[x] - up[x]) * weight[m]
            for i in range(count):
                left, right = interpolated_row[first[i]], interpolated_row[second[i]]
                class_values[i] = left + (right - left) * column_weight[i]
                highest[i] = max(highest[i], class_values[i])
        sum_of_exponentials[:] = 0
        for k in range(classes):
            _exponential(values[k], highest, bits)
            for i in range(count):
                sum_of_exponentials[i] += values[k, i]
        inverse_sum = np.float32(1) / sum_of_exponentials
        for k in range(classes):
            for i in range(count):
                probability_sum[k, i] += values[k, i] * inverse_sum[i]
    label, best = np.zeros(count, np.int32), probability_sum[0].copy()
    for k in range(1, classes):
        for i in range(count):
            better = probability_sum[k, i] > best[i]
            best[i] = probability_sum[k, i] if better else best[i]
            label[i] = k if better else label[i]
    for i in range(count):
        labels[pixels[i]] = label[i]


@compiled
@no_type_check
def _exponential(values: np.ndarray, highest: np.ndarray, bits: np.ndarray) -> None:
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
