"""Triton kernels of the cross entropy of upsampled logits; a thread owns a patch of pixels (`patches.py`).

`losses_of_patches` reads the classes three times: for the largest logit of each pixel, for the sum of exponentials, and
for the gradient, which it adds up to one number per class and neighbour of each patch. `sum_of_patches` adds these up
for each coarse logit. There are no atomic operations, so the same input gives the same bits.
"""
# ruff: noqa: ANN001, ANN201, ANN202, N803  (arguments of kernels have Triton's types)

from typing import no_type_check

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

from atrous.ops.patch_kernels import PATCHES, patch_of_thread, patch_pixels

POSITIONS = tl.constexpr(128)
"""Coarse logits of a class that a program of `sum_of_patches` computes."""


@triton.jit
@no_type_check
def losses_of_patches(
    logits,
    by_image,
    by_class,
    classes,
    rows,
    row_patches,
    row_weight,
    columns,
    column_patches,
    column_weight,
    blocks,
    height,
    width,
    target,
    ignore,
    label_weights,
    smoothing_weights,
    smoothing_sum,
    losses,
    pixel_weights,
    parts,
    GRADIENT: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Store the loss of every pixel, and in `parts` `[b, k, 4, patches]` the gradient at each patch's neighbours."""
    image, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    row, column, there, a, b, c, d = patch_of_thread(block, rows, row_patches, columns, column_patches)
    y, inside_y, down = patch_pixels(rows, row_patches, row, row_weight, there, ROWS)
    x, inside_x, across = patch_pixels(columns, column_patches, column, column_weight, there, COLUMNS)
    inside = inside_y[:, None, :] & inside_x[None, :, :]
    pixels = (image * height + y[:, None, :]) * width + x[None, :, :]
    below, right = down[:, None, :], across[None, :, :]

    label = tl.load(target + pixels, mask=inside, other=0).to(tl.int64)
    labelled = (label != ignore) & inside
    known = labelled & (label >= 0) & (label < classes)
    label_weight = tl.load(label_weights + label, mask=known, other=0.0)
    counts = labelled.to(below.dtype)
    base = logits + image * by_image

    peak = tl.full([ROWS, COLUMNS, PATCHES], float("-inf"), below.dtype)
    plane = base
    for _ in range(classes):
        peak = tl.maximum(peak, _value(plane + a, plane + b, plane + c, plane + d, below, right, there))
        plane += by_class

    total, at_label, smoothed = tl.zeros_like(peak), tl.zeros_like(peak), tl.zeros_like(peak)
    plane = base
    for k in range(classes):
        z = _value(plane + a, plane + b, plane + c, plane + d, below, right, there)
        total += tl.exp(z - peak)
        at_label = tl.where(label == k, z, at_label)
        smoothed += tl.load(smoothing_weights + k) * z
        plane += by_class
    log, smoothing = tl.log(total), tl.load(smoothing_sum)
    loss = label_weight * ((peak - at_label) + log) + counts * (smoothing * (peak + log) - smoothed)
    tl.store(losses + pixels, tl.where(labelled & (known == 0), float("nan"), loss), mask=inside)

    if GRADIENT:
        weight = tl.load(pixel_weights + pixels, mask=inside, other=0.0)
        patches = row_patches * column_patches
        part = parts + (image * classes * 4).to(tl.int64) * patches + row * column_patches + column
        plane = base
        for k in range(classes):
            z = _value(plane + a, plane + b, plane + c, plane + d, below, right, there)
            change = (label_weight + smoothing * counts) * tl.exp((z - peak) - log)
            change -= tl.load(smoothing_weights + k) * counts + tl.where(label == k, label_weight, 0.0)
            change = tl.where(inside, change * weight, 0.0)
            at_left, at_right = tl.sum(change * (1 - right), 1), tl.sum(change * right, 1)
            tl.store(part, tl.sum(at_left * (1 - down), 0), mask=there)
            tl.store(part + patches, tl.sum(at_right * (1 - down), 0), mask=there)
            tl.store(part + 2 * patches, tl.sum(at_left * down, 0), mask=there)
            tl.store(part + 3 * patches, tl.sum(at_right * down, 0), mask=there)
            part += 4 * patches
            plane += by_class


@triton.jit
@no_type_check
def sum_of_patches(
    parts,
    classes,
    row_reach,
    row_patches,
    row_most,
    coarse_height,
    column_reach,
    column_patches,
    column_most,
    coarse_width,
    blocks,
    gradient,
    by_image,
    by_class,
    by_row,
    by_column,
):
    """Store the gradient of the coarse logits: the sum over all patches that each of them is a neighbour of."""
    plane, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    position = block * POSITIONS + tl.arange(0, POSITIONS)
    there = position < coarse_height * coarse_width
    i, j = position // coarse_width, position % coarse_width
    row_start = tl.load(row_reach + i, mask=there, other=0)
    row_middle = tl.load(row_reach + coarse_height + i, mask=there, other=0)
    row_stop = tl.load(row_reach + 2 * coarse_height + i, mask=there, other=0)
    column_start = tl.load(column_reach + j, mask=there, other=0)
    column_middle = tl.load(column_reach + coarse_width + j, mask=there, other=0)
    column_stop = tl.load(column_reach + 2 * coarse_width + j, mask=there, other=0)
    patches = row_patches * column_patches
    first = parts + plane * 4 * patches
    total = tl.zeros([POSITIONS], parts.dtype.element_ty)
    for r in range(row_most):
        row = row_start + r
        lower = tl.where(row < row_middle, 2, 0)  # in these the coarse row is the one below
        for s in range(column_most):
            column = column_start + s
            corner = lower + tl.where(column < column_middle, 1, 0)
            reached = (row < row_stop) & (column < column_stop)
            total += tl.load(first + corner * patches + row * column_patches + column, mask=reached, other=0.0)
    image, k = plane // classes, plane % classes
    place = image * by_image + k * by_class + i.to(tl.int64) * by_row + j.to(tl.int64) * by_column
    tl.store(gradient + place, total, mask=there)


@triton.jit
@no_type_check
def _value(a, b, c, d, down, across, there):
    """Interpolated logits of a class, `[rows, columns, patches]`; one that is not finite makes them NaN."""
    above_left = tl.load(a, mask=there, other=0.0).to(down.dtype)[None, None, :]
    above_right = tl.load(b, mask=there, other=0.0).to(down.dtype)[None, None, :]
    below_left = tl.load(c, mask=there, other=0.0).to(down.dtype)[None, None, :]
    below_right = tl.load(d, mask=there, other=0.0).to(down.dtype)[None, None, :]
    above = above_left + across * (above_right - above_left)
    below = below_left + across * (below_right - below_left)
    return above + down * (below - above)
