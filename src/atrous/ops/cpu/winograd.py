"""3x3 convolution at any atrous rate with a half to a quarter of the multiplications (Toom and Cook; Winograd).

    out = output_transform . ((filter_transform . filter) * (input_transform . in)), along each axis

computes a few outputs from their inputs with as many products as there are rows in `input_transform`: m outputs of a
3-tap filter take m + 2 products instead of 3 m (Winograd, "Arithmetic complexity of computations", 1980; Lavin and
Gray, arXiv 1509.09308). In two dimensions, over channels, every product is a matrix product.

At rate r, rows r apart form r maps of their own, and so do columns; tiles are cut from those. Where such a map has one
or two rows, the taps that would read padding are not computed at all: 1 product and 3, instead of 3 and 6. Maps of both
lengths, or of two and three rows, lie in one image: there, each length has its own scheme.

The result is that of the plain convolution up to rounding, which is about ten times that of summing in order: in single
precision a few millionths of the outputs' standard deviation. An infinity or NaN spreads over the tile it is in.
"""

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Schemes = tuple[tuple[int, ...], tuple[int, ...]]
"""Indices into `SCHEMES`: those of the rows, and those of the columns."""


class Scheme(NamedTuple):
    """How some neighbouring outputs of a 3-tap filter are computed along an axis.

    Attributes:
        input_transform: [products, outputs + 2] from inputs.
        filter_transform: [products, 3] from the filter.
        output_transform: [outputs, products] to outputs.
        longest: Length of the maps for which it is right.
    """

    input_transform: np.ndarray
    filter_transform: np.ndarray
    output_transform: np.ndarray
    longest: float = np.inf


def toom_cook(*points: float) -> Scheme:
    """Filter and outputs are polynomials: multiply them at these points and at infinity; the transpose is a filter."""
    products = len(points) + 1
    powers = np.vander(points, products, increasing=True)
    infinity = np.eye(products)[-1:]
    input_transform = np.linalg.inv(np.concatenate((powers, infinity))).T
    scale = np.array([np.abs(row[np.abs(row) > 1e-9]).min() for row in input_transform])[:, None]
    input_transform = np.round(input_transform / scale, 9)  # with these points all entries are multiples of 1 / 4
    outputs = products - 2
    output_transform = np.concatenate((powers[:, :outputs], infinity[:, -outputs:])).T
    filter_transform = np.concatenate((powers[:, :3], infinity[:, -3:])) * scale
    return Scheme(input_transform, filter_transform, output_transform)


SCHEMES = (
    Scheme(np.array([[0.0, 1, 0]]), np.array([[0.0, 1, 0]]), np.array([[1.0]]), longest=1),
    Scheme(
        np.array([[0.0, 1, 1, 0], [0, 0, 1, 0], [0, 1, 0, 0]]),
        np.array([[0.0, 1, 0], [0, -1, 1], [1, -1, 0]]),
        np.array([[1.0, 1, 0], [1, 0, 1]]),
        longest=2,
    ),
    toom_cook(0.0, 1.0, -1.0),
    toom_cook(0.0, 1.0, -1.0, 0.5),
    toom_cook(0.0, 1.0, -1.0, 0.5, -2.0),
)
"""1, 2, 2, 3 and 4 outputs by 1, 3, 4, 5 and 6 products. The points are those of little rounding."""


class TileRun(NamedTuple):
    """Tiles along an axis that one scheme computes.

    Attributes:
        scheme: Index into `SCHEMES`.
        starts: First input of every tile; -rate where it is padding.
    """

    scheme: int
    starts: np.ndarray

    @property
    def products(self) -> int:
        """Of all tiles."""
        return len(self.starts) * len(SCHEMES[self.scheme].input_transform)


@cache
def cheapest(length: int, rate: int) -> tuple[TileRun, ...]:
    """The tiles with the fewest products for an axis of this length at this rate: one run or, with short maps, two."""
    firsts = np.arange(min(rate, length))
    lengths = -(-(length - firsts) // rate)
    if lengths[-1] > 2:
        return (_cheapest_run(length, rate, firsts=firsts),)
    return tuple(_cheapest_run(length, rate, firsts=firsts[lengths == own]) for own in np.unique(lengths))


def _cheapest_run(length: int, rate: int, *, firsts: np.ndarray) -> TileRun:
    """For the maps that begin at some positions."""
    longest = -(-(length - firsts[0]) // rate)
    runs = []
    for number, scheme in enumerate(SCHEMES):
        if longest <= scheme.longest:
            step = rate * len(scheme.output_transform)
            starts = [np.arange(first - rate, length - rate, step, dtype=np.int64) for first in firsts]
            runs.append(TileRun(number, np.concatenate(starts)))
    return min(runs, key=lambda run: run.products)


def saving(height: int, width: int, *, rate: int) -> float:
    """Products of the plain convolution, padding included, per product of this one."""
    down, right = (sum(run.products for run in cheapest(length, rate)) for length in (height, width))
    return 9 * height * width / (down * right)


def schemes(height: int, width: int, *, rate: int) -> Schemes:
    """The schemes of the `cheapest` tiles, down and to the right: what transformed filters depend on."""
    down, right = (tuple(run.scheme for run in cheapest(length, rate)) for length in (height, width))
    return down, right


def transform_filters(weight: Float[Tensor, "k c 3 3"], chosen: Schemes) -> list[Float[Tensor, "_ c k"]]:
    """Filters `[products, c, k]` as each pair of these schemes multiplies them; computed in double precision."""
    k, c, *_ = weight.shape
    taps = weight.permute(2, 3, 1, 0).reshape(9, c * k).double()
    pairs = (
        np.kron(SCHEMES[down].filter_transform, SCHEMES[right].filter_transform) for down, right in product(*chosen)
    )
    return [(torch.from_numpy(pair).to(taps.device) @ taps).to(weight.dtype).view(-1, c, k) for pair in pairs]


def winograd_conv2d(
    x: Float[Tensor, "b c h w"],
    wide: Sequence[Float[Tensor, "_ c k"]],
    bias: Float[Tensor, " k"],
    *,
    rate: int,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Float[Tensor, "b k h w"]:
    """3x3 convolution of stride 1 with zero padding, and bias; on a CPU, without gradients.

    Args:
        x: Any memory layout; channels-last is not copied.
        wide: `transform_filters` for the `schemes` of this size and rate.
        bias: Added.
        rate: Distance between neighbouring taps.
        bounds: What is below or above is set to these; (0, inf) is a ReLU.

    Returns:
        Channels-last.
    """
    from atrous.ops.cpu.winograd_kernels import filter_image

    height, width = x.shape[-2:]
    runs = product(cheapest(height, rate), cheapest(width, rate))
    images = x.permute(0, 2, 3, 1).contiguous()
    out = images.new_empty(len(x), height, width, len(bias))
    for (rows, columns), filters in zip(runs, wide, strict=True):
        for image, result in zip(images, out, strict=True):
            filter_image(image, result, filters, bias, rows=rows, columns=columns, rate=rate, bounds=bounds)
    return out.permute(0, 3, 1, 2)
