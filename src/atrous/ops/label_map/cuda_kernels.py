"""Triton kernels of the label map and of its confidence; a thread owns a patch of pixels (`patches.py`).

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
def label(
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
    labels,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Store the label of every pixel: the lowest class of the largest value, or of the first NaN."""
    image, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    row, column, there, a, b, c, d = patch_of_thread(block, rows, row_patches, columns, column_patches)
    y, inside_y, down = patch_pixels(rows, row_patches, row, row_weight, there, ROWS)
    x, inside_x, across = patch_pixels(columns, column_patches, column, column_weight, there, COLUMNS)
    base = logits + image * by_image
    inside = inside_y[:, None, :] & inside_x[None, :, :]
    pixels = labels + ((image * height + y[:, None, :]) * width + x[None, :, :])
    down, across = down[:, None, :], across[None, :, :]

    plane = base
    largest_a, largest_b = _first(plane + a, down, there), _first(plane + b, down, there)
    largest_c, largest_d = _first(plane + c, down, there), _first(plane + d, down, there)
    label_a, label_b, label_c, label_d = (row * 0, row * 0, row * 0, row * 0)
    zero = largest_a * 0 + largest_b * 0 + largest_c * 0 + largest_d * 0  # NaN unless all are finite
    for k in range(1, classes):
        plane += by_class
        largest_a, label_a, zero = _compare(plane + a, k, largest_a, label_a, zero, there)
        largest_b, label_b, zero = _compare(plane + b, k, largest_b, label_b, zero, there)
        largest_c, label_c, zero = _compare(plane + c, k, largest_c, label_c, zero, there)
        largest_d, label_d, zero = _compare(plane + d, k, largest_d, label_d, zero, there)
    finite = (zero == 0) | (there == 0)
    agree = (label_a == label_b) & (label_a == label_c) & (label_a == label_d) & finite

    if tl.min((agree | (there == 0)).to(tl.int32)) == 1:
        found = tl.zeros([ROWS, COLUMNS, 1], tl.int32) + label_a[None, None, :]
        tl.store(pixels, found.to(labels.dtype.element_ty), mask=inside)
    else:
        best = tl.full([ROWS, COLUMNS, PATCHES], float("-inf"), down.dtype)
        found = tl.zeros([ROWS, COLUMNS, PATCHES], tl.int32)
        plane = base
        if tl.min(finite.to(tl.int32)) == 1:
            for k in range(classes):
                above = _mean(plane + a, plane + b, across, there)
                below = _mean(plane + c, plane + d, across, there)
                value = above * (1 - down) + below * down
                found = tl.where(value > best, k, found)
                best = tl.maximum(best, value)
                plane += by_class
        else:
            for k in range(classes):
                value = careful_value(plane + a, plane + b, plane + c, plane + d, down, across, there)
                better = (value > best) | ((value != value) & (best == best)) | (k == 0)
                found = tl.where(better, k, found)
                best = tl.where(better, value, best)
                plane += by_class
        tl.store(pixels, found.to(labels.dtype.element_ty), mask=inside)


@triton.jit
@no_type_check
def confidence(
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
    labels,
    probability,
    entropy,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Store, with d the difference of a class's logit to the label's, 1 / sum(exp d) and ln(sum(exp d)) - mean(d)."""
    image, block = (tl.program_id(0) // blocks).to(tl.int64), tl.program_id(0) % blocks
    row, column, there, a, b, c, d = patch_of_thread(block, rows, row_patches, columns, column_patches)
    y, inside_y, down = patch_pixels(rows, row_patches, row, row_weight, there, ROWS)
    x, inside_x, across = patch_pixels(columns, column_patches, column, column_weight, there, COLUMNS)
    base = logits + image * by_image
    inside = inside_y[:, None, :] & inside_x[None, :, :]
    pixels = (image * height + y[:, None, :]) * width + x[None, :, :]
    down, across = down[:, None, :], across[None, :, :]
    found = tl.load(labels + pixels, mask=inside, other=0).to(tl.int32)

    best = tl.zeros([ROWS, COLUMNS, PATCHES], down.dtype)
    plane = base
    for k in range(classes):
        value = careful_value(plane + a, plane + b, plane + c, plane + d, down, across, there)
        best = tl.where(found == k, value, best)
        plane += by_class
    total, moment = tl.zeros_like(best), tl.zeros_like(best)
    plane = base
    for _ in range(classes):
        difference = careful_value(plane + a, plane + b, plane + c, plane + d, down, across, there) - best
        share = tl.exp(difference)
        total += share
        moment += _product(difference, share)
        plane += by_class
    tl.store(probability + pixels, 1 / total, mask=inside)
    tl.store(entropy + pixels, tl.log(total) - moment / total, mask=inside)


@triton.jit
@no_type_check
def careful_value(a, b, c, d, down, across, there):
    """Interpolated logits of a class, from pointers to its neighbours; one of weight 0 does not count."""
    above = _product(tl.load(a, mask=there, other=0.0).to(down.dtype)[None, None, :], 1 - across)
    above += _product(tl.load(b, mask=there, other=0.0).to(down.dtype)[None, None, :], across)
    below = _product(tl.load(c, mask=there, other=0.0).to(down.dtype)[None, None, :], 1 - across)
    below += _product(tl.load(d, mask=there, other=0.0).to(down.dtype)[None, None, :], across)
    return _product(above, 1 - down) + _product(below, down)


@triton.jit
@no_type_check
def _product(value, weight):
    """Product, but 0 at weight 0, even if the value is infinite or NaN."""
    return tl.where(weight == 0, 0.0, value * weight)


@triton.jit
@no_type_check
def _mean(first, second, weight, there):
    """Weighted mean of two neighbours, `[1, columns, patches]`."""
    before = tl.load(first, mask=there, other=0.0).to(weight.dtype)[None, None, :]
    after = tl.load(second, mask=there, other=0.0).to(weight.dtype)[None, None, :]
    return before * (1 - weight) + after * weight


@triton.jit
@no_type_check
def _first(pointer, like, there):
    """Logits of the first class at a neighbour of each patch."""
    return tl.load(pointer, mask=there, other=0.0).to(like.dtype)


@triton.jit
@no_type_check
def _compare(pointer, k, largest, found, zero, there):
    """Update the largest logit at a neighbour, its class, and a sum that is 0 as long as all are finite."""
    value = tl.load(pointer, mask=there, other=0.0).to(largest.dtype)
    found = tl.where(value > largest, k, found)
    return tl.maximum(largest, value), found, zero + value * 0
