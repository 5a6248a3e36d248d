"""Cross entropy of upsampled logits and its gradient on a GPU: three kernels, no atomics, hence reproducible bits.

1. `pixel_losses` interpolates each pixel's logits and keeps their maximum and the logarithm of the sum of exponentials.
2. `row_gradients` gathers, for each coarse row, from the rows of pixels that it reaches; softmax is computed again.
3. `column_gradients` does the same for columns.

The largest tensor held is between 2 and 3: maps as high as the coarse map and as wide as the crop.
"""

# pyright: reportIndexIssue=false
# Triton starts a kernel by indexing it with the grid.

from dataclasses import dataclass
from functools import lru_cache

import torch
import triton  # pyright: ignore[reportMissingImports]
from jaxtyping import Float, Int64, Integer
from torch import Tensor

from atrous.ops.bilinear import Neighbours, axis_neighbours
from atrous.ops.loss import cuda_kernels as kernels
from atrous.ops.loss.pixel_loss import PixelLoss
from atrous.ops.upsample import Placement


@dataclass(frozen=True)
class DeviceAxis:
    """Interpolation along an axis, on the device: from coarse pixels to fine ones, and back for gradients.

    Attributes:
        fine: Coarse neighbours of every fine position.
        start: First fine position on which each coarse pixel has an influence.
        stop: End (exclusive) of these positions.
        reach: Largest number of fine positions on which one coarse pixel has an influence.
    """

    fine: Neighbours
    start: Int64[Tensor, " coarse"]
    stop: Int64[Tensor, " coarse"]
    reach: int


@lru_cache(maxsize=32)
def device_axis(
    *, crop: int, length: int, source: int, align_corners: bool, dtype: torch.dtype, device: torch.device
) -> DeviceAxis:
    """Build an axis as `axis_neighbours` does; cached, because a copy in every step would hold up the device."""
    like = torch.empty(0, dtype=dtype)
    fine = axis_neighbours(crop, length=length, source=source, align_corners=align_corners, like=like)
    coarse = torch.arange(source)
    start = torch.searchsorted(fine.first, coarse - 1)
    stop = torch.searchsorted(fine.first, coarse, right=True)
    moved = Neighbours(fine.first.to(device), fine.second.to(device), fine.weight.to(device))
    return DeviceAxis(moved, start.to(device), stop.to(device), reach=int((stop - start).max()))


def losses_and_gradient(
    logits: Float[Tensor, "b k h w"],
    target: Integer[Tensor, "b H W"],
    *,
    placement: Placement,
    pixel_loss: PixelLoss,
    pixel_weights: Float[Tensor, "b H W"] | None,
) -> tuple[Float[Tensor, "b H W"], Float[Tensor, "b k h w"] | None]:
    """Loss of each pixel, and the gradient of the sum of pixel_weights * losses (None without pixel_weights).

    The loss of a pixel whose label has no class is NaN.
    """
    (batch, classes, height, width), (rows, columns) = logits.shape, placement.crop
    weights, smoothing = pixel_loss.class_weights, pixel_loss.smoothing_weights
    label_weights = pixel_loss.label_weight(torch.arange(classes, device=logits.device))
    down, across = (
        device_axis(
            crop=placement.crop[i],
            length=placement.size[i],
            source=logits.shape[2 + i],
            align_corners=placement.align_corners,
            dtype=weights.dtype,
            device=logits.device,
        )
        for i in range(2)
    )
    target = target.contiguous()
    losses, peaks, logs = torch.empty(3, *target.shape, dtype=weights.dtype, device=logits.device)
    blocks = triton.cdiv(columns, kernels.PIXELS.value)
    with torch.cuda.device_of(logits):
        kernels.pixel_losses[(blocks, rows, batch)](
            logits,
            *logits.stride(),
            classes,
            down.fine.first,
            down.fine.second,
            down.fine.weight,
            across.fine.first,
            across.fine.second,
            across.fine.weight,
            columns,
            target,
            pixel_loss.ignore,
            label_weights,
            smoothing,
            losses,
            peaks,
            logs,
        )
        if pixel_weights is None:
            return losses, None
        wide = weights.new_empty(batch, classes, height, columns)
        kernels.row_gradients[(blocks, height * triton.cdiv(classes, kernels.CLASSES.value), batch)](
            logits,
            *logits.stride(),
            classes,
            height,
            down.fine.first,
            down.fine.weight,
            down.start,
            down.stop,
            rows,
            across.fine.first,
            across.fine.second,
            across.fine.weight,
            columns,
            target,
            pixel_loss.ignore,
            label_weights,
            smoothing,
            smoothing.sum(),
            peaks,
            logs,
            pixel_weights.contiguous(),
            wide,
        )
        gradient = torch.empty_like(logits, dtype=weights.dtype)
        lines = batch * classes * height
        kernels.column_gradients[(triton.cdiv(lines, kernels.LINES.value), triton.cdiv(width, kernels.PIXELS.value))](
            wide,
            lines,
            columns,
            across.fine.first,
            across.fine.weight,
            across.start,
            across.stop,
            across.reach,
            gradient,
            *gradient.stride(),
            classes,
            height,
            width,
        )
    return losses, gradient
