"""Cells of an image: blocks of pixels that are interpolated from the same four positions of the coarse map."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from atrous.ops.bilinear import Neighbours, axis_neighbours, block_starts

MAX_CELL_SIDE = 32
"""Largest side of a cell in pixels.

At upsampling factors above 32 the pixels between two neighbours form several cells, which bounds working memory.
"""


class CellAxis(NamedTuple):
    """Division of the pixels along an axis into cells, and the two neighbours of each pixel.

    Attributes:
        edges: [cells + 1] index of the first pixel of every cell, and the end of the last one.
        first: [pixels] index of the first neighbour. Unsigned, so that numba generates no code for negative indices.
        second: [pixels] index of the second neighbour, unsigned, too.
        first_weight: [pixels] weight of the first neighbour.
        second_weight: [pixels] weight of the second neighbour.
    """

    edges: np.ndarray
    first: np.ndarray
    second: np.ndarray
    first_weight: np.ndarray
    second_weight: np.ndarray

    def part(self, start: int, stop: int) -> "CellAxis":
        """Select cells `start` to `stop`.

        Pixel indices then count from the first selected pixel, and neighbour indices from its first neighbour.
        """
        edges = self.edges[start : stop + 1]
        pixels = slice(edges[0], edges[-1])
        first, second = self.first[pixels], self.second[pixels]
        weights = self.first_weight[pixels], self.second_weight[pixels]
        return CellAxis(edges - edges[0], first - first[0], second - first[0], *weights)


def cell_axis(axis: Neighbours) -> CellAxis:
    """Divide an axis into cells; `axis.first` must be ascending."""
    first, second, second_weight = axis.first.numpy(), axis.second.numpy(), axis.weight.numpy()
    edges = np.append(block_starts(first, max_length=MAX_CELL_SIDE), len(first))
    return CellAxis(edges, first.astype(np.uint32), second.astype(np.uint32), 1 - second_weight, second_weight)


@lru_cache(maxsize=16)
def regular_cell_axis(crop: int, length: int, source: int, *, align_corners: bool, dtype: torch.dtype) -> CellAxis:
    """Divide a regular grid into cells, with arguments as of `axis_neighbours`.

    Cached: successive label maps often have the same size, and for small maps this takes about as long as labelling.
    """
    like = torch.empty(0, dtype=dtype, device="cpu")
    return cell_axis(axis_neighbours(crop, length=length, source=source, align_corners=align_corners, like=like))
