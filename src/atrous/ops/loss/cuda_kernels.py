"""Triton kernels of the cross entropy; coarse maps are `[b, k, h, w]`, maps of pixels `[b, H, W]`.

Steps are strides in elements. Every program works on `PIXELS` pixels of a row and on `CLASSES` classes at a time.
"""
# ruff: noqa: ANN001, ANN201, ANN202  (arguments of kernels have Triton's types)

from typing import no_type_check

import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]

CLASSES = tl.constexpr(16)
PIXELS = tl.constexpr(64)
LINES = tl.constexpr(16)


@triton.jit
@no_type_check
def _between(line, first, second, weight, there):
    """Linear interpolation along a line of a map."""
    before = tl.load(line + first, mask=there, other=0).to(weight.dtype)
    after = tl.load(line + second, mask=there, other=0).to(weight.dtype)
    return before + weight * (after - before)


@triton.jit
@no_type_check
def pixel_losses(
    logits,
    image_step,
    class_step,
    row_step,
    column_step,
    classes,
    row_first,
    row_second,
    row_weight,
    column_first,
    column_second,
    column_weight,
    columns,
    target,
    ignore,
    label_weights,
    smoothing_weights,
    losses,
    peaks,
    logs,
):
    """Store of every pixel its loss, its largest logit, and log(sum(exp(logits - largest)))."""
    row, rows, image = tl.program_id(1), tl.num_programs(1), tl.program_id(2).to(tl.int64)
    column = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    inside = column < columns
    first = (tl.load(column_first + column, mask=inside, other=0) * column_step)[None, :]
    second = (tl.load(column_second + column, mask=inside, other=0) * column_step)[None, :]
    across = tl.load(column_weight + column, mask=inside, other=0)[None, :]
    upper = logits + image * image_step + tl.load(row_first + row) * row_step
    lower = logits + image * image_step + tl.load(row_second + row) * row_step
    down = tl.load(row_weight + row)

    pixel = (image * rows + row) * columns + column
    label = tl.load(target + pixel, mask=inside, other=0).to(tl.int64)
    labelled = label != ignore
    outside = labelled & ((label < 0) | (label >= classes))

    peak = tl.full([PIXELS], float("-inf"), across.dtype)
    total = tl.zeros([PIXELS], across.dtype)
    at_label = tl.zeros([PIXELS], across.dtype)
    smoothed = tl.zeros([PIXELS], across.dtype)
    total_weight = tl.zeros([PIXELS], across.dtype)
    for start in range(0, classes, CLASSES):
        number = (start + tl.arange(0, CLASSES))[:, None]
        there = (number < classes) & inside[None, :]
        offset = number.to(tl.int64) * class_step
        above = _between(upper + offset, first, second, across, there)
        below = _between(lower + offset, first, second, across, there)
        z = above + down * (below - above)
        smoothing = tl.load(smoothing_weights + number, mask=number < classes, other=0)
        total_weight += tl.sum(smoothing)
        smoothed += tl.sum(smoothing * z, 0)
        at_label += tl.sum(tl.where(number == label[None, :], z, 0), 0)
        z = tl.where(number < classes, z, float("-inf"))
        highest = tl.maximum(peak, tl.max(z, 0))
        total = total * tl.exp(peak - highest) + tl.sum(tl.exp(z - highest[None, :]), 0)
        peak = highest

    log = tl.log(total)
    weight = tl.load(label_weights + label, mask=inside & labelled & (outside == 0), other=0)
    loss = weight * ((peak - at_label) + log) + labelled.to(log.dtype) * (total_weight * (peak + log) - smoothed)
    tl.store(losses + pixel, tl.where(outside, float("nan"), loss), mask=inside)
    tl.store(peaks + pixel, peak, mask=inside)
    tl.store(logs + pixel, log, mask=inside)


@triton.jit
@no_type_check
def row_gradients(
    logits,
    image_step,
    class_step,
    row_step,
    column_step,
    classes,
    height,
    row_first,
    row_weight,
    row_start,
    row_stop,
    rows,
    column_first,
    column_second,
    column_weight,
    columns,
    target,
    ignore,
    label_weights,
    smoothing_weights,
    smoothing_sum,
    peaks,
    logs,
    pixel_weights,
    wide,
):
    """Store the gradient of the logits at coarse rows and fine columns, `[b, k, h, W]`.

    The pixels on which a coarse row has an influence are between it and the row above or the row below, so that three
    coarse rows are loaded once.
    """
    block, image = tl.program_id(1), tl.program_id(2).to(tl.int64)
    coarse = block % height
    number = (block // height * CLASSES + tl.arange(0, CLASSES))[:, None]
    column = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    inside = column < columns
    there = (number < classes) & inside[None, :]
    first = (tl.load(column_first + column, mask=inside, other=0) * column_step)[None, :]
    second = (tl.load(column_second + column, mask=inside, other=0) * column_step)[None, :]
    across = tl.load(column_weight + column, mask=inside, other=0)[None, :]
    maps = logits + image * image_step + number.to(tl.int64) * class_step
    upper = _between(maps + tl.maximum(coarse - 1, 0) * row_step, first, second, across, there)
    middle = _between(maps + coarse * row_step, first, second, across, there)
    lower = _between(maps + tl.minimum(coarse + 1, height - 1) * row_step, first, second, across, there)

    smoothing = tl.load(smoothing_weights + number, mask=number < classes, other=0)
    total_weight = tl.load(smoothing_sum)
    gradient = tl.zeros([CLASSES, PIXELS], across.dtype)
    for row in range(tl.load(row_start + coarse), tl.load(row_stop + coarse)):
        down = tl.load(row_weight + row)
        is_below = tl.load(row_first + row) == coarse
        z = tl.where(is_below, middle + down * (lower - middle), upper + down * (middle - upper))
        factor = tl.where(is_below, 1 - down, down)
        pixel = (image * rows + row) * columns + column
        label = tl.load(target + pixel, mask=inside, other=0).to(tl.int64)
        labelled = label != ignore
        known = labelled & (label >= 0) & (label < classes)
        weight = tl.load(label_weights + label, mask=inside & known, other=0)
        counts = labelled.to(across.dtype)
        norm = tl.load(peaks + pixel, mask=inside, other=0)[None, :]
        log = tl.load(logs + pixel, mask=inside, other=0)[None, :]
        softmax = tl.exp((z - norm) - log)
        change = (weight + total_weight * counts)[None, :] * softmax - smoothing * counts[None, :]
        change -= tl.where(number == label[None, :], weight[None, :], 0)
        gradient += (factor * tl.load(pixel_weights + pixel, mask=inside, other=0))[None, :] * change
    tl.store(wide + ((image * classes + number) * height + coarse) * columns + column[None, :], gradient, mask=there)


@triton.jit
@no_type_check
def column_gradients(
    wide,
    lines,
    columns,
    column_first,
    column_weight,
    column_start,
    column_stop,
    reach,
    gradient,
    image_step,
    class_step,
    row_step,
    column_step,
    classes,
    height,
    width,
):
    """Store the gradient of the coarse logits from that at fine columns; a line is a row of one class of one image."""
    line = (tl.program_id(0).to(tl.int64) * LINES + tl.arange(0, LINES))[:, None]
    coarse = (tl.program_id(1) * PIXELS + tl.arange(0, PIXELS))[None, :]
    start = tl.load(column_start + coarse, mask=coarse < width, other=0)
    stop = tl.load(column_stop + coarse, mask=coarse < width, other=0)
    total = tl.zeros([LINES, PIXELS], gradient.dtype.element_ty)
    for offset in range(reach):
        column = start + offset
        reached = column < stop
        across = tl.load(column_weight + column, mask=reached, other=0)
        is_right = tl.load(column_first + column, mask=reached, other=0) == coarse
        factor = tl.where(is_right, 1 - across, across)
        total += factor * tl.load(wide + line * columns + column, mask=(line < lines) & reached, other=0)
    row, plane = line % height, line // height
    position = plane // classes * image_step + plane % classes * class_step + row * row_step + coarse * column_step
    tl.store(gradient + position, total, mask=(line < lines) & (coarse < width))
