"""Cells of an image: blocks of pixels that are interpolated from the same four neighbours on the coarse map."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from atrous.ops.bilinear import Neighbours, axis_neighbours

LONGEST = 32
"""Largest number of pixels of a cell along an axis: cells of larger factors are cut, which bounds memory."""

Array = np.ndarray


class CellAxis(NamedTuple):
    """Division of the pixels along an axis into cells, and the two neighbours of each pixel.

    Attributes:
        edges: [cells + 1] index of the first pixel of every cell, and the end of the last one.
        first: [pixels] index of the neighbour before. Unsigned, as is `second`: this spares numba's code for negative
            indices.
        second: [pixels] index of the neighbour after.
        near: [pixels] weight of the neighbour before.
        far: [pixels] weight of the neighbour after.
    """

    edges: Array
    first: Array
    second: Array
    near: Array
    far: Array

    def part(self, start: int, stop: int) -> "CellAxis":
        """Select some of the cells; pixels and neighbours are counted from their first."""
        edges = self.edges[start : stop + 1]
        pixels = slice(edges[0], edges[-1])
        first, second = self.first[pixels], self.second[pixels]
        return CellAxis(edges - edges[0], first - first[0], second - first[0], self.near[pixels], self.far[pixels])


def cell_axis(axis: Neighbours) -> CellAxis:
    """Divide positions in ascending order into cells."""
    first, second, far = axis.first.numpy(), axis.second.numpy(), axis.weight.numpy()
    pixels = np.arange(len(first))
    begins = np.flatnonzero(np.diff(first, prepend=-1))
    within = pixels - begins[np.searchsorted(begins, pixels, side="right") - 1]
    edges = np.append(np.flatnonzero(within % LONGEST == 0), len(first))
    return CellAxis(edges, first.astype(np.uint32), second.astype(np.uint32), 1 - far, far)


@lru_cache(maxsize=16)
def regular_cell_axis(crop: int, length: int, source: int, *, align_corners: bool, dtype: torch.dtype) -> CellAxis:
    """Cells of a regular grid, with arguments as of `axis_neighbours`.

    Cached, since successive maps often have one size, and a small one is labelled almost as fast as this is computed.
    """
    like = torch.empty(0, dtype=dtype, device="cpu")
    return cell_axis(axis_neighbours(crop, length=length, source=source, align_corners=align_corners, like=like))
