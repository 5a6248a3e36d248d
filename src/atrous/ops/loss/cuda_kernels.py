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
    image_stride,
    class_stride,
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
    PATCH_ROWS: tl.constexpr,
    PATCH_COLUMNS: tl.constexpr,
):
    """Store the loss of every pixel, and in `parts` `[b, k, 4, patches]` the gradient at each patch's neighbours."""
    image, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    row, column, exists, above_left, above_right, below_left, below_right = patch_of_thread(
        block, rows, row_patches, columns, column_patches
    )
    y, inside_y, lower_weight = patch_pixels(rows, row_patches, row, row_weight, exists, PATCH_ROWS)
    x, inside_x, right_weight = patch_pixels(columns, column_patches, column, column_weight, exists, PATCH_COLUMNS)
    inside = inside_y[:, None, :] & inside_x[None, :, :]
    pixels = (image * height + y[:, None, :]) * width + x[None, :, :]
    below, right = lower_weight[:, None, :], right_weight[None, :, :]

    label = tl.load(target + pixels, mask=inside, other=0).to(tl.int64)
    labelled = (label != ignore) & inside
    known = labelled & (label >= 0) & (label < classes)
    label_weight = tl.load(label_weights + label, mask=known, other=0.0)
    counts = labelled.to(below.dtype)
    base = logits + image * image_stride

    peak = tl.full([PATCH_ROWS, PATCH_COLUMNS, PATCHES], float("-inf"), below.dtype)
    plane = base
    for _ in range(classes):
        peak = tl.maximum(
            peak,
            _interpolate(
                plane + above_left, plane + above_right, plane + below_left, plane + below_right, below, right, exists
            ),
        )
        plane += class_stride

    total, at_label, smoothed = tl.zeros_like(peak), tl.zeros_like(peak), tl.zeros_like(peak)
    plane = base
    for k in range(classes):
        z = _interpolate(
            plane + above_left, plane + above_right, plane + below_left, plane + below_right, below, right, exists
        )
        total += tl.exp(z - peak)
        at_label = tl.where(label == k, z, at_label)
        smoothed += tl.load(smoothing_weights + k) * z
        plane += class_stride
    log, smoothing = tl.log(total), tl.load(smoothing_sum)
    loss = label_weight * ((peak - at_label) + log) + counts * (smoothing * (peak + log) - smoothed)
    tl.store(losses + pixels, tl.where(labelled & (known == 0), float("nan"), loss), mask=inside)

    if GRADIENT:
        weight = tl.load(pixel_weights + pixels, mask=inside, other=0.0)
        patches = row_patches * column_patches
        part = parts + (image * classes * 4).to(tl.int64) * patches + row * column_patches + column
        plane = base
        for k in range(classes):
            z = _interpolate(
                plane + above_left, plane + above_right, plane + below_left, plane + below_right, below, right, exists
            )
            change = (label_weight + smoothing * counts) * tl.exp((z - peak) - log)
            change -= tl.load(smoothing_weights + k) * counts + tl.where(label == k, label_weight, 0.0)
            change = tl.where(inside, change * weight, 0.0)
            at_left, at_right = tl.sum(change * (1 - right), 1), tl.sum(change * right, 1)
            tl.store(part, tl.sum(at_left * (1 - lower_weight), 0), mask=exists)
            tl.store(part + patches, tl.sum(at_right * (1 - lower_weight), 0), mask=exists)
            tl.store(part + 2 * patches, tl.sum(at_left * lower_weight, 0), mask=exists)
            tl.store(part + 3 * patches, tl.sum(at_right * lower_weight, 0), mask=exists)
            part += 4 * patches
            plane += class_stride


@triton.jit
@no_type_check
def sum_of_patches(
    parts,
    classes,
    row_range,
    row_patches,
    max_row_patches,
    coarse_height,
    column_range,
    column_patches,
    max_column_patches,
    coarse_width,
    blocks,
    gradient,
    image_stride,
    class_stride,
    row_stride,
    column_stride,
):
    """Store the gradient of the coarse logits: the sum over all patches that each of them is a neighbour of."""
    plane, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    position = block * POSITIONS + tl.arange(0, POSITIONS)
    exists = position < coarse_height * coarse_width
    i, j = position // coarse_width, position % coarse_width
    row_start = tl.load(row_range + i, mask=exists, other=0)
    row_middle = tl.load(row_range + coarse_height + i, mask=exists, other=0)
    row_stop = tl.load(row_range + 2 * coarse_height + i, mask=exists, other=0)
    column_start = tl.load(column_range + j, mask=exists, other=0)
    column_middle = tl.load(column_range + coarse_width + j, mask=exists, other=0)
    column_stop = tl.load(column_range + 2 * coarse_width + j, mask=exists, other=0)
    patches = row_patches * column_patches
    first = parts + plane * 4 * patches
    total = tl.zeros([POSITIONS], parts.dtype.element_ty)
    for r in range(max_row_patches):
        row = row_start + r
        lower = tl.where(row < row_middle, 2, 0)  # in these the coarse row is the one below
        for s in range(max_column_patches):
            column = column_start + s
            corner = lower + tl.where(column < column_middle, 1, 0)
            reached = (row < row_stop) & (column < column_stop)
            total += tl.load(first + corner * patches + row * column_patches + column, mask=reached, other=0.0)
    image, k = plane // classes, plane % classes
    place = image * image_stride + k * class_stride + i.to(tl.int64) * row_stride + j.to(tl.int64) * column_stride
    tl.store(gradient + place, total, mask=exists)


@triton.jit
@no_type_check
def _interpolate(above_left, above_right, below_left, below_right, lower_weight, right_weight, exists):
    """Return interpolated logits of a class, `[rows, columns, patches]`, from pointers to the patches' neighbours.

    A neighbour that is not finite makes them NaN.
    """
    above_left = tl.load(above_left, mask=exists, other=0.0).to(lower_weight.dtype)[None, None, :]
    above_right = tl.load(above_right, mask=exists, other=0.0).to(lower_weight.dtype)[None, None, :]
    below_left = tl.load(below_left, mask=exists, other=0.0).to(lower_weight.dtype)[None, None, :]
    below_right = tl.load(below_right, mask=exists, other=0.0).to(lower_weight.dtype)[None, None, :]
    above = above_left + right_weight * (above_right - above_left)
    below = below_left + right_weight * (below_right - below_left)
    return above + lower_weight * (below - above)
