"""The loops over pixels that a loader spends its time in, compiled by numba: blending neighbours, changing colours.

The machine code is kept on disk, so that only the first process on a machine compiles (some seconds). Sums are in the
order in which they are written and never fused: every machine gives the same bytes.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Integer, UInt8, UInt32

from atrous.ops.cpu.compilation import compiled_in_order

Between = tuple[UInt32[np.ndarray, " n"], UInt32[np.ndarray, " n"], Float32[np.ndarray, " n"]]
"""For every value of the result: source before, source after, and the weight of the latter, 0..1.

Unsigned, because numba minds negative indices.
"""


@no_type_check
@compiled_in_order
def blend(image: UInt8[np.ndarray, "h w"], rows: Between, values: Between, into: UInt8[np.ndarray, "m n"]) -> None:
    """Bilinear interpolation of rows of values, first between rows, then within them; rounded half up.

    Args:
        image: The source, a row of all channels of all pixels; only where `values` look is read.
        rows: Where each row of the result comes from.
        values: Where each value of a row comes from.
        into: Is filled.
    """
    above, below, down = rows
    before, after, along = values
    tall = np.empty(image.shape[1], np.float32)
    for row in range(len(above)):
        high, low, weight = image[above[row]], image[below[row]], down[row]
        for place in range(len(tall)):
            start = np.float32(high[place])
            tall[place] = start + (np.float32(low[place]) - start) * weight
        line = into[row]
        for place in range(len(before)):
            start = tall[before[place]]
            value = start + (tall[after[place]] - start) * along[place]
            line[place] = np.uint8(np.int32(value + np.float32(0.5)))


@no_type_check
@compiled_in_order
def change_colors(
    image: UInt8[np.ndarray, "n 3"], matrix: Float32[np.ndarray, "3 3"], offset: float, into: UInt8[np.ndarray, "n 3"]
) -> None:
    """Multiply every colour by a matrix and add the offset; clipped to 0..255 and rounded half up."""
    shift = np.float32(offset + 0.5)
    for pixel in range(len(image)):
        red, green, blue = np.float32(image[pixel, 0]), np.float32(image[pixel, 1]), np.float32(image[pixel, 2])
        for channel in range(3):
            value = matrix[channel, 0] * red + matrix[channel, 1] * green + matrix[channel, 2] * blue + shift
            into[pixel, channel] = np.uint8(np.int32(min(max(value, np.float32(0)), np.float32(255))))


@no_type_check
@compiled_in_order
def color_sums(image: UInt8[np.ndarray, "n 3"]) -> Integer[np.ndarray, "3"]:
    """The exact sum of every channel."""
    red = green = blue = 0
    for pixel in range(len(image)):
        red += image[pixel, 0]
        green += image[pixel, 1]
        blue += image[pixel, 2]
    return np.array([red, green, blue])
