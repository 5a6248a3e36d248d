"""Label map of coarse logits on a CPU in compiled code, which interpolates only where neighbours disagree.

A *cell* is a block of at most 32x32 pixels interpolated from the same four positions of the coarse map. Bilinear
interpolation is a convex combination of the four, which decides most cells without interpolating:

* If one class is the largest at all four corners, it is the largest at every pixel of the cell.
* Otherwise a class can win only if its maximum over the corners is at least the maximum over all classes of their
  minimum over the corners. It need not be the largest at any corner: (10, 0, 9) and (0, 10, 9) give (5, 5, 9) midway.

The undecided cells of a row of cells are gathered, so that SIMD instructions work on full vectors whatever the size of
a cell, and the classes that can win in any of them are interpolated. Cells with a NaN or an infinity at a corner are
undecided, too, and are labelled once more by a loop that follows the rules for these values.
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
from atrous.ops.label_map.cpu_kernels import label_cell_rows
from atrous.ops.label_map.labels import Labels
from atrous.ops.upsample import Placement
from atrous.sizes import ceil_div

MAX_ROWS_PER_TASK = 64
"""Largest number of rows of cells that a thread labels at a time: it bounds what is copied of half-precision logits."""


def fill_label_map(logits: Float[Tensor, "b k h w"], labels: Labels, placement: Placement) -> None:
    """Fill `labels`, which are contiguous and not empty, in as many threads as torch uses."""
    align_corners, dtype = placement.align_corners, interpolation_dtype(logits.dtype)
    lengths = zip(placement.crop, placement.size, logits.shape[-2:], strict=True)
    rows, columns = (regular_cell_axis(*axis, align_corners=align_corners, dtype=dtype) for axis in lengths)
    _fill_label_map(logits, labels, rows, columns)


def fill_label_map_at(logits: Float[Tensor, "b k h w"], labels: Labels, rows: Neighbours, columns: Neighbours) -> None:
    """Fill `labels` at chosen rows and columns in ascending order, whose weights have the `interpolation_dtype`."""
    _fill_label_map(logits, labels, cell_axis(rows), cell_axis(columns))


def _fill_label_map(logits: Float[Tensor, "b k h w"], labels: Labels, rows: CellAxis, columns: CellAxis) -> None:
    dtype = interpolation_dtype(logits.dtype)
    cell_rows, threads = len(rows.edges) - 1, torch.get_num_threads()
    rows_per_task = min(MAX_ROWS_PER_TASK, ceil_div(cell_rows * len(logits), threads))

    def work(task: tuple[int, int]) -> None:
        image, start = task
        cells = rows.part(start, start + rows_per_task)
        first_coarse_row, first_pixel_row = int(rows.first[rows.edges[start]]), int(rows.edges[start])
        values = logits[image, :, first_coarse_row : first_coarse_row + int(cells.second[-1]) + 1].to(dtype)
        labels_part = labels[image, first_pixel_row : first_pixel_row + len(cells.first)].numpy()
        classes, _, width = values.shape
        label_cell_rows(_flat_view(values), values.stride(), classes, width, cells, columns, labels_part)

    parallel_for(work, list(product(range(len(logits)), range(0, cell_rows, rows_per_task))))


def _flat_view(tensor: Tensor) -> np.ndarray:
    """Return the storage of a tensor as a 1-d array from its first element on.

    numba then compiles one version for all memory layouts.
    """
    last = sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.as_strided((last + 1,), (1,)).numpy()
