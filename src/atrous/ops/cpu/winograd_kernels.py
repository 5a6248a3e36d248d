"""Compiled tiles of the Winograd convolution: gathered from a map, multiplied by torch, scattered to a map."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import no_type_check

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from atrous.ops.cpu.compilation import compiled
from atrous.ops.cpu.threads import parallel_for
from atrous.ops.cpu.winograd_schemes import SCHEMES, TileRun

Array = np.ndarray

TILES = 144
"""Largest number of tiles held at a time: enough for the matrix products, few enough for the caches."""

CHANNELS = 256
"""Largest number of channels processed together, for the same reasons."""


def convolve_tiles(
    image: Float[Tensor, "h w c"],
    out: Float[Tensor, "h w k"],
    transformed: Float[Tensor, "p c k"],
    bias: Float[Tensor, " k"],
    *,
    rows: TileRun,
    columns: TileRun,
    rate: int,
    bounds: tuple[float, float],
) -> None:
    """Compute the part of `out` that these tiles cover, some tiles at a time, in as many threads as torch uses."""
    products, channels, filters = transformed.shape
    row_scheme, column_scheme = SCHEMES[rows.scheme], SCHEMES[columns.scheme]
    count, block = len(rows.starts) * len(columns.starts), min(CHANNELS, channels)
    chunk = min(count, TILES)
    # The inputs of a tile are contiguous, since they are written at once; its products are not, as torch.baddbmm wants.
    gathered, multiplied = (
        transformed.new_empty(chunk * products * block),
        transformed.new_empty(products, chunk, filters),
    )
    dtype = image.numpy().dtype
    tile_starts = rows.starts, columns.starts, rate
    before = (
        image.numpy(),
        *tile_starts,
        _factors(row_scheme.input_transform, dtype),
        _factors(column_scheme.input_transform, dtype),
    )
    after = (
        multiplied.numpy(),
        *tile_starts,
        _factors(row_scheme.output_transform, dtype),
        _factors(column_scheme.output_transform, dtype),
    )
    low, high = (dtype.type(bound) for bound in bounds)
    finish = len(column_scheme.input_transform), bias.numpy(), low, high, out.numpy()
    for start in range(0, count, chunk):
        tiles = min(chunk, count - start)
        sums = multiplied[:, :tiles]
        for begin in range(0, channels, block):
            some = transformed[:, begin : begin + block]
            inputs = gathered[: tiles * products * some.shape[1]].view(tiles, products, -1)
            _in_parts(partial(_gather, *before, inputs.numpy(), begin, start), tiles)
            torch.baddbmm(sums, inputs.transpose(0, 1), some, beta=0 if begin == 0 else 1, out=sums)
        _in_parts(partial(_scatter, *after, *finish, start), tiles)


def _in_parts(work: Callable[[int, int], None], count: int) -> None:
    threads = torch.get_num_threads()
    edges = [count * part // threads for part in range(threads + 1)]
    parallel_for(lambda part: work(*part), list(pairwise(edges)))


def _factors(matrix: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Append columns of zeros up to 3 or 6, as `_combine` expects them."""
    terms = matrix.shape[1]
    return np.pad(matrix, ((0, 0), (0, -terms % 3))).astype(dtype)


@compiled
@no_type_check
def _combine(factors: Array, values: Array, out: Array) -> None:
    """Write the sum of 3 or 6 values times their factors, in one pass."""
    f, g, h = factors[0], factors[1], factors[2]
    if len(factors) == 3:
        for c in range(len(out)):
            out[c] = f * values[0, c] + g * values[1, c] + h * values[2, c]
    else:
        k, m, n = factors[3], factors[4], factors[5]
        for c in range(len(out)):
            first = f * values[0, c] + g * values[1, c] + h * values[2, c]
            out[c] = first + k * values[3, c] + m * values[4, c] + n * values[5, c]


@compiled
@no_type_check
def _gather(
    image: Array,
    rows: Array,
    columns: Array,
    rate: int,
    down: Array,
    right: Array,
    tiles: Array,
    begin: int,
    start: int,
    first: int,
    stop: int,
) -> None:
    """Transform the inputs of the tiles `first` to `stop` of the chunk that begins with tile `start`.

    The channels are those from `begin` on, as many as `tiles` holds.
    """
    height, width, count = image.shape[0], image.shape[1], tiles.shape[2]
    inputs = np.zeros((down.shape[1], right.shape[1] * count), image.dtype)
    half = np.zeros((right.shape[1], count), image.dtype)
    for tile in range(first, stop):
        top = rows[(start + tile) // len(columns)]
        left = columns[(start + tile) % len(columns)]
        for i in range(down.shape[1]):
            row = top + i * rate
            for j in range(right.shape[1]):
                column = left + j * rate
                cell = inputs[i, j * count : (j + 1) * count]
                if 0 <= row < height and 0 <= column < width:
                    source = image[row, column, begin : begin + count]
                    for c in range(count):
                        cell[c] = source[c]
                else:
                    cell[:] = 0
        for a in range(down.shape[0]):
            _combine(down[a], inputs, half.reshape(-1))
            for b in range(right.shape[0]):
                _combine(right[b], half, tiles[tile, a * right.shape[0] + b])


@compiled
@no_type_check
def _scatter(
    products: Array,
    rows: Array,
    columns: Array,
    rate: int,
    down: Array,
    right: Array,
    across: int,
    bias: Array,
    low: float,
    high: float,
    image: Array,
    start: int,
    first: int,
    stop: int,
) -> None:
    """Write the outputs of the tiles `first` to `stop` of the chunk that begins with tile `start`.

    There are `across` products in each row of a tile.
    """
    height, width, channels = image.shape
    most = min(CHANNELS, channels)
    inputs = np.zeros((down.shape[1], right.shape[1] * most), image.dtype)
    half = np.zeros((right.shape[1], most), image.dtype)
    total = np.empty(most, image.dtype)
    for tile in range(first, stop):
        top = rows[(start + tile) // len(columns)] + rate
        left = columns[(start + tile) % len(columns)] + rate
        for begin in range(0, channels, most):
            count = min(most, channels - begin)
            for number in range(len(products)):
                a, b = number // across, number % across
                cell = inputs[a, b * most : b * most + count]
                source = products[number, tile, begin : begin + count]
                for c in range(count):
                    cell[c] = source[c]
            for i in range(down.shape[0]):
                row = top + i * rate
                if row < height:
                    _combine(down[i], inputs, half.reshape(-1))
                    for j in range(right.shape[0]):
                        column = left + j * rate
                        if column < width:
                            _combine(right[j], half, total[:count])
                            out = image[row, column, begin : begin + count]
                            for c in range(count):
                                value = total[c] + bias[begin + c]
                                value = low if value < low else value
                                out[c] = high if value > high else value
