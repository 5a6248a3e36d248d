"""Label map of coarse logits on a CPU in compiled code, which interpolates only where neighbours disagree.

A *cell* is the block of pixels between the same four neighbours on the coarse map, a *strip* a row of cells. Bilinear
interpolation is a convex combination of the four, which decides most cells without interpolating:

* If one class is the largest at all four, it is the largest at every pixel of the cell.
* Otherwise a class can win only if the largest of its four values is at least the largest of all classes' smallest
  ones. It need not be the largest at any corner: (10, 0, 9) and (0, 10, 9) give (5, 5, 9) midway.

The undecided cells of a strip are gathered, so that the processor's vectors are full whatever the size of a cell, and
the classes that can win in any of them are interpolated. Cells with a NaN or an infinity at a corner are undecided,
too, and are labelled once more by a loop that follows the rules for these values.
"""

from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from atrous.ops.bilinear import Neighbours
from atrous.ops.cpu.threads import parallel_for
from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.label_map.cells import CellAxis, cell_axis, regular_cell_axis
from atrous.ops.label_map.cpu_kernels import label_strips
from atrous.ops.label_map.labels import Labels
from atrous.ops.upsample import Placement

STRIPS = 64
"""Largest number of strips that a thread labels at a time: it bounds what is copied of half-precision logits."""


def label_map(logits: Float[Tensor, "b k h w"], labels: Labels, placement: Placement) -> None:
    """Fill `labels`, which are contiguous and not empty, in as many threads as torch uses."""
    align_corners, dtype = placement.align_corners, interpolation_dtype(logits.dtype)
    lengths = zip(placement.crop, placement.size, logits.shape[-2:], strict=True)
    rows, columns = (regular_cell_axis(*axis, align_corners=align_corners, dtype=dtype) for axis in lengths)
    _label_map(logits, labels, rows, columns)


def label_map_at(logits: Float[Tensor, "b k h w"], labels: Labels, rows: Neighbours, columns: Neighbours) -> None:
    """Fill `labels` at chosen rows and columns in ascending order, whose weights have the `interpolation_dtype`."""
    _label_map(logits, labels, cell_axis(rows), cell_axis(columns))


def _label_map(logits: Float[Tensor, "b k h w"], labels: Labels, rows: CellAxis, columns: CellAxis) -> None:
    dtype = interpolation_dtype(logits.dtype)
    strips, threads = len(rows.edges) - 1, torch.get_num_threads()
    piece = min(STRIPS, -(-strips * len(logits) // threads))

    def work(task: tuple[int, int]) -> None:
        image, start = task
        some = rows.part(start, start + piece)
        top, pixel = int(rows.first[rows.edges[start]]), int(rows.edges[start])
        values = logits[image, :, top : top + int(some.second[-1]) + 1].to(dtype)
        part = labels[image, pixel : pixel + len(some.first)]
        label_strips(_memory(values), values.stride(), values.shape[0], values.shape[2], some, columns, part.numpy())

    parallel_for(work, list(product(range(len(logits)), range(0, strips, piece))))


def _memory(tensor: Tensor) -> np.ndarray:
    """Memory of a tensor from its first element on: one type of array for all memory layouts."""
    last = sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.as_strided((last + 1,), (1,)).numpy()
