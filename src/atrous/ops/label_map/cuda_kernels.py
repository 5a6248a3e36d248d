"""Triton kernel of the label map; a thread owns a patch of pixels (`patches.py`).

Where the four neighbours of all patches of a program agree on the largest class, its pixels have that label. Elsewhere
the classes are interpolated one after the other; if a neighbour is not finite, by the rules for infinities and NaN.
"""
# ruff: noqa: ANN001, ANN201, ANN202, N803  (arguments of kernels have Triton's types)

from typing import no_type_check

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

from atrous.ops.patch_kernels import PATCHES, patch_of_thread, patch_pixels


@triton.jit
@no_type_check
def label_kernel(
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
    labels,
    PATCH_ROWS: tl.constexpr,
    PATCH_COLUMNS: tl.constexpr,
):
    """Store the label of every pixel: the lowest class of the largest value, or of the first NaN."""
    image, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    row, column, exists, above_left, above_right, below_left, below_right = patch_of_thread(
        block, rows, row_patches, columns, column_patches
    )
    y, inside_y, lower_weight = patch_pixels(rows, row_patches, row, row_weight, exists, PATCH_ROWS)
    x, inside_x, right_weight = patch_pixels(columns, column_patches, column, column_weight, exists, PATCH_COLUMNS)
    base = logits + image * image_stride
    inside = inside_y[:, None, :] & inside_x[None, :, :]
    pixels = labels + ((image * height + y[:, None, :]) * width + x[None, :, :])
    lower_weight, right_weight = lower_weight[:, None, :], right_weight[None, :, :]

    plane = base
    largest_above_left, largest_above_right = (
        _load_first(plane + above_left, lower_weight, exists),
        _load_first(plane + above_right, lower_weight, exists),
    )
    largest_below_left, largest_below_right = (
        _load_first(plane + below_left, lower_weight, exists),
        _load_first(plane + below_right, lower_weight, exists),
    )
    label_above_left, label_above_right, label_below_left, label_below_right = (row * 0, row * 0, row * 0, row * 0)
    zero = (
        largest_above_left * 0 + largest_above_right * 0 + largest_below_left * 0 + largest_below_right * 0
    )  # NaN unless all are finite
    for k in range(1, classes):
        plane += class_stride
        largest_above_left, label_above_left, zero = _compare(
            plane + above_left, k, largest_above_left, label_above_left, zero, exists
        )
        largest_above_right, label_above_right, zero = _compare(
            plane + above_right, k, largest_above_right, label_above_right, zero, exists
        )
        largest_below_left, label_below_left, zero = _compare(
            plane + below_left, k, largest_below_left, label_below_left, zero, exists
        )
        largest_below_right, label_below_right, zero = _compare(
            plane + below_right, k, largest_below_right, label_below_right, zero, exists
        )
    finite = (zero == 0) | (exists == 0)
    agree = (
        (label_above_left == label_above_right)
        & (label_above_left == label_below_left)
        & (label_above_left == label_below_right)
        & finite
    )

    if tl.min((agree | (exists == 0)).to(tl.int32)) == 1:
        found = tl.zeros([PATCH_ROWS, PATCH_COLUMNS, 1], tl.int32) + label_above_left[None, None, :]
        tl.store(pixels, found.to(labels.dtype.element_ty), mask=inside)
    else:
        best = tl.full([PATCH_ROWS, PATCH_COLUMNS, PATCHES], float("-inf"), lower_weight.dtype)
        found = tl.zeros([PATCH_ROWS, PATCH_COLUMNS, PATCHES], tl.int32)
        plane = base
        if tl.min(finite.to(tl.int32)) == 1:
            for k in range(classes):
                above = _lerp(plane + above_left, plane + above_right, right_weight, exists)
                below = _lerp(plane + below_left, plane + below_right, right_weight, exists)
                value = above * (1 - lower_weight) + below * lower_weight
                found = tl.where(value > best, k, found)
                best = tl.maximum(best, value)
                plane += class_stride
        else:
            for k in range(classes):
                value = _interpolate_without_zero_weights(
                    plane + above_left,
                    plane + above_right,
                    plane + below_left,
                    plane + below_right,
                    lower_weight,
                    right_weight,
                    exists,
                )
                better = (value > best) | ((value != value) & (best == best)) | (k == 0)
                found = tl.where(better, k, found)
                best = tl.where(better, value, best)
                plane += class_stride
        tl.store(pixels, found.to(labels.dtype.element_ty), mask=inside)


@triton.jit
@no_type_check
def _interpolate_without_zero_weights(
    above_left, above_right, below_left, below_right, lower_weight, right_weight, exists
):
    """Return interpolated logits of a class, from pointers to neighbours; one of weight 0 contributes 0."""
    above = _product(
        tl.load(above_left, mask=exists, other=0.0).to(lower_weight.dtype)[None, None, :], 1 - right_weight
    )
    above += _product(tl.load(above_right, mask=exists, other=0.0).to(lower_weight.dtype)[None, None, :], right_weight)
    below = _product(
        tl.load(below_left, mask=exists, other=0.0).to(lower_weight.dtype)[None, None, :], 1 - right_weight
    )
    below += _product(tl.load(below_right, mask=exists, other=0.0).to(lower_weight.dtype)[None, None, :], right_weight)
    return _product(above, 1 - lower_weight) + _product(below, lower_weight)


@triton.jit
@no_type_check
def _product(value, weight):
    """Return the product, but 0 at weight 0, even if the value is infinite or NaN."""
    return tl.where(weight == 0, 0.0, value * weight)


@triton.jit
@no_type_check
def _lerp(first, second, weight, exists):
    """Return values between two neighbours, `[1, columns, patches]`, from pointers to them."""
    before = tl.load(first, mask=exists, other=0.0).to(weight.dtype)[None, None, :]
    after = tl.load(second, mask=exists, other=0.0).to(weight.dtype)[None, None, :]
    return before * (1 - weight) + after * weight


@triton.jit
@no_type_check
def _load_first(pointer, like, exists):
    """Load the logits of the first class at a neighbour of each patch."""
    return tl.load(pointer, mask=exists, other=0.0).to(like.dtype)


@triton.jit
@no_type_check
def _compare(pointer, k, largest, found, zero, exists):
    """Update the largest logit at a neighbour, its class, and a sum that is 0 as long as all are finite."""
    value = tl.load(pointer, mask=exists, other=0.0).to(largest.dtype)
    found = tl.where(value > largest, k, found)
    return tl.maximum(largest, value), found, zero + value * 0
