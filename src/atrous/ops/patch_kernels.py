"""Parts of Triton kernels whose threads own patches of pixels; see `patches.py`.

Maps of a patch's pixels are blocks `[rows, columns, patches]`: Triton gives the last axis to the threads, so that all
pixels of a patch are in the registers of one thread.
"""
# ruff: noqa: ANN001, ANN201, N803  (arguments of kernels have Triton's types)

from typing import no_type_check

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

PATCHES = tl.constexpr(32)
"""Patches of a program: one per thread of a warp, so that a program's patches are near each other."""


@triton.jit
@no_type_check
def patch_of_thread(block, rows, row_patches, columns, column_patches):
    """Return row patch and column patch of each thread, mask of those that exist, offsets of the four neighbours.

    The neighbours are above left, above right, below left and below right.
    """
    patch = block * PATCHES + tl.arange(0, PATCHES)
    exists = patch < row_patches * column_patches
    row, column = patch // column_patches, patch % column_patches
    above = tl.load(rows + 2 * row_patches + row, mask=exists, other=0)
    below = tl.load(rows + 3 * row_patches + row, mask=exists, other=0)
    left = tl.load(columns + 2 * column_patches + column, mask=exists, other=0)
    right = tl.load(columns + 3 * column_patches + column, mask=exists, other=0)
    return row, column, exists, above + left, above + right, below + left, below + right


@triton.jit
@no_type_check
def patch_pixels(axis, patches, patch, weight, exists, LENGTH: tl.constexpr):
    """Return the pixels of each patch along an axis `[LENGTH, patches]`, mask of those that exist, weights."""
    start, stop = tl.load(axis + patch, mask=exists, other=0), tl.load(axis + patches + patch, mask=exists, other=0)
    pixel = start[None, :] + tl.arange(0, LENGTH)[:, None]
    inside = pixel < stop[None, :]
    return pixel, inside, tl.load(weight + pixel, mask=inside, other=0.0)
