"""Label map of coarse logits on CUDA: every pixel interpolates its classes one after the other, in registers.

The coarse map is small enough for the caches, and a GPU interpolates faster than it could decide where it need not:
there are no cells here as on a CPU.
"""
# ruff: noqa: ANN001, ANN202  (arguments of kernels have Triton's types)

from functools import lru_cache
from typing import Any, no_type_check

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from jaxtyping import Float, Int64
from torch import Tensor

from atrous.ops.label_map.labels import Labels, exact_dtype
from atrous.ops.upsample import Placement
from atrous.sizes import Size

COLUMNS = tl.constexpr(256)
"""Pixels of a row that a program labels."""


def label_map(logits: Float[Tensor, "b k h w"], labels: Labels, placement: Placement) -> None:
    """Fill `labels`, which are contiguous and not empty."""
    _run(_label, logits, placement, labels)


def confidence_map(
    logits: Float[Tensor, "b k h w"],
    labels: Labels,
    probability: Float[Tensor, "b H W"],
    entropy: Float[Tensor, "b H W"],
    placement: Placement,
) -> None:
    """Fill `probability` and `entropy`, contiguous and not empty, from the logits and their label map."""
    _run(_confidence, logits, placement, labels, probability, entropy)


def _run(kernel: Any, logits: Tensor, placement: Placement, *maps: Tensor) -> None:
    by_image, by_class, *steps = logits.stride()
    axes = _axes(placement, tuple(logits.shape[-2:]), tuple(steps), exact_dtype(logits.dtype), logits.device)
    height, width = placement.crop
    grid = (len(logits) * height, triton.cdiv(width, COLUMNS.value))
    with torch.cuda.device_of(logits):
        kernel[grid](logits, by_image, by_class, logits.shape[1], *axes, height, width, *maps)


@lru_cache(maxsize=32)
def _axes(
    placement: Placement, coarse: Size, steps: tuple[int, int], dtype: torch.dtype, device: torch.device
) -> tuple[Int64[Tensor, "2 H"], Int64[Tensor, "2 W"], Float[Tensor, " H"], Float[Tensor, " W"]]:
    """Offsets of both rows and both columns, weights of the second; cached, since copies hold up the device."""
    rows, columns = placement.neighbours(coarse, like=torch.empty(0, dtype=dtype, device=device))
    above_below, left_right = torch.stack((rows.first, rows.second)), torch.stack((columns.first, columns.second))
    return above_below * steps[0], left_right * steps[1], rows.weight, columns.weight


@triton.jit
@no_type_check
def _label(logits, by_image, by_class, classes, rows, columns, row_far, column_far, height, width, labels):
    """Labels of a program's pixels: the lowest class of the largest value, or of the first NaN."""
    pixels, inside, a, b, c, d, far_y, far_x = _pixels(
        logits, by_image, rows, columns, row_far, column_far, height, width
    )
    best = _value(a, b, c, d, far_y, far_x, inside)
    label = tl.zeros((COLUMNS,), tl.int32)
    for k in range(1, classes):
        a, b, c, d = a + by_class, b + by_class, c + by_class, d + by_class
        value = _value(a, b, c, d, far_y, far_x, inside)
        better = (value > best) | ((value != value) & (best == best))
        best = tl.where(better, value, best)
        label = tl.where(better, k, label)
    tl.store(labels + pixels, label.to(labels.dtype.element_ty), mask=inside)


@triton.jit
@no_type_check
def _confidence(
    logits, by_image, by_class, classes, rows, columns, row_far, column_far, height, width, labels, probability, entropy
):  # fmt: skip
    """With d the distance of a class's logit from the label's: 1 / sum(exp d), and ln(sum(exp d)) - mean(d)."""
    pixels, inside, a, b, c, d, far_y, far_x = _pixels(
        logits, by_image, rows, columns, row_far, column_far, height, width
    )
    won = tl.load(labels + pixels, mask=inside, other=0).to(tl.int64) * by_class
    best = _value(a + won, b + won, c + won, d + won, far_y, far_x, inside)
    total, moment = tl.zeros_like(best), tl.zeros_like(best)
    for _ in range(classes):
        distance = _value(a, b, c, d, far_y, far_x, inside) - best
        share = tl.exp(distance)
        total += share
        moment += _weighted(distance, share)
        a, b, c, d = a + by_class, b + by_class, c + by_class, d + by_class
    tl.store(probability + pixels, 1 / total, mask=inside)
    tl.store(entropy + pixels, tl.log(total) - moment / total, mask=inside)


@triton.jit
@no_type_check
def _pixels(logits, by_image, rows, columns, row_far, column_far, height, width):
    """A program's pixels: index, mask, pointers to the four neighbours, weights of the lower and the right ones."""
    line = tl.program_id(0).to(tl.int64)
    y, x = line % height, tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = x < width
    image = logits + line // height * by_image
    above, below = image + tl.load(rows + y), image + tl.load(rows + height + y)
    left = tl.load(columns + x, mask=inside, other=0)
    right = tl.load(columns + width + x, mask=inside, other=0)
    far_y, far_x = tl.load(row_far + y), tl.load(column_far + x, mask=inside, other=0.0)
    return line * width + x, inside, above + left, above + right, below + left, below + right, far_y, far_x


@triton.jit
@no_type_check
def _value(a, b, c, d, far_y, far_x, inside):
    """The interpolated logits of a class, from pointers to its four neighbours."""
    above = _weighted(tl.load(a, mask=inside, other=0.0), 1 - far_x)
    above += _weighted(tl.load(b, mask=inside, other=0.0), far_x)
    below = _weighted(tl.load(c, mask=inside, other=0.0), 1 - far_x)
    below += _weighted(tl.load(d, mask=inside, other=0.0), far_x)
    return _weighted(above, 1 - far_y) + _weighted(below, far_y)


@triton.jit
@no_type_check
def _weighted(value, weight):
    """Product, but 0 at weight 0, even if the value is infinite or NaN."""
    return tl.where(weight == 0, 0.0, value.to(weight.dtype) * weight)
