"""Tiles and transforms of a 3x3 convolution with fewer multiplications (Toom and Cook; Winograd).

Along each axis, some neighbouring outputs are computed from their inputs as

    outputs = output_transform @ ((filter_transform @ filter) * (input_transform @ inputs))

with as many products as `input_transform` has rows: m outputs of a 3-tap filter take m + 2 products instead of 3 m
(Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, arXiv 1509.09308). In two dimensions, over
channels, every product is a matrix product.

At atrous rate r, every r-th row and column form a map of their own, and tiles are cut from these maps. In maps of one
or two rows the taps that would read padding are not computed: 1 and 3 products instead of 3 and 6. One image may
contain maps of two lengths, for instance of two and of three rows; each length then has its own scheme.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

Schemes = tuple[tuple[int, ...], tuple[int, ...]]
"""Indices into `SCHEMES`: schemes of the rows, and schemes of the columns."""


class Scheme(NamedTuple):
    """Transforms that compute some neighbouring outputs of a 3-tap filter along an axis.

    Attributes:
        input_transform: Matrix [products, outputs + 2] that is applied to the inputs.
        filter_transform: Matrix [products, 3] that is applied to the filter.
        output_transform: Matrix [outputs, products] that is applied to the products.
        longest: Largest length of a map for which the scheme is valid.
    """

    input_transform: np.ndarray
    filter_transform: np.ndarray
    output_transform: np.ndarray
    longest: float = np.inf


def toom_cook(*points: float) -> Scheme:
    """Transpose the multiplication of two polynomials by their values at these points and at infinity."""
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
"""1, 2, 2, 3 and 4 outputs by 1, 3, 4, 5 and 6 products. These points cause little rounding."""


class TileRun(NamedTuple):
    """Tiles along an axis that are computed by one scheme.

    Attributes:
        scheme: Index into `SCHEMES`.
        starts: Position of the first input of every tile; -rate where it is padding.
    """

    scheme: int
    starts: np.ndarray

    @property
    def products(self) -> int:
        """Number of products of all tiles."""
        return len(self.starts) * len(SCHEMES[self.scheme].input_transform)


@cache
def cheapest(length: int, rate: int) -> tuple[TileRun, ...]:
    """Tiles with the fewest products for an axis of this length and rate: one run, or two where maps are short."""
    firsts = np.arange(min(rate, length))
    lengths = -(-(length - firsts) // rate)
    if lengths[-1] > 2:
        return (_cheapest_run(length, rate, firsts=firsts),)
    return tuple(_cheapest_run(length, rate, firsts=firsts[lengths == one]) for one in np.unique(lengths))


def _cheapest_run(length: int, rate: int, *, firsts: np.ndarray) -> TileRun:
    """Tiles with the fewest products for the maps that begin at these positions."""
    longest = -(-(length - firsts[0]) // rate)
    runs = []
    for number, scheme in enumerate(SCHEMES):
        if longest <= scheme.longest:
            step = rate * len(scheme.output_transform)
            starts = [np.arange(first - rate, length - rate, step, dtype=np.int64) for first in firsts]
            runs.append(TileRun(number, np.concatenate(starts)))
    return min(runs, key=lambda run: run.products)


def saving(height: int, width: int, *, rate: int) -> float:
    """Number of products of the plain convolution, padding included, divided by that of these tiles."""
    rows, columns = (sum(run.products for run in cheapest(length, rate)) for length in (height, width))
    return 9 * height * width / (rows * columns)


def schemes(height: int, width: int, *, rate: int) -> Schemes:
    """Schemes of the `cheapest` tiles of rows and of columns, on which the transformed filters depend."""
    rows, columns = (tuple(run.scheme for run in cheapest(length, rate)) for length in (height, width))
    return rows, columns
