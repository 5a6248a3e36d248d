"""Cross entropy of upsampled logits and its gradient on CUDA, by Triton; see `cuda_kernels.py` for the algorithm."""

# pyright: reportIndexIssue=false
# Triton starts a kernel by indexing it with the grid.

import torch
import triton  # pyright: ignore[reportMissingImports]
from jaxtyping import Float, Integer
from torch import Tensor

from atrous.ops.loss import cuda_kernels as kernels
from atrous.ops.loss.pixel_loss import PixelLoss
from atrous.ops.patch_kernels import PATCHES
from atrous.ops.patches import PatchAxis, patch_axes
from atrous.ops.upsample import Placement

MAX_PARTIAL_GRADIENTS = 1 << 23
"""Largest number of partial gradients in memory, unless those of one image are more: it bounds a chunk of images."""


def losses_and_gradient(
    logits: Float[Tensor, "b k h w"],
    target: Integer[Tensor, "b H W"],
    *,
    placement: Placement,
    pixel_loss: PixelLoss,
    pixel_weights: Float[Tensor, "b H W"] | None,
) -> tuple[Float[Tensor, "b H W"], Float[Tensor, "b k h w"] | None]:
    """Loss of each pixel, and the gradient of the sum of pixel_weights * losses (None without pixel_weights).

    The loss of a pixel whose label has no class is NaN. Logits of any memory layout are not copied.
    """
    batch, classes, height, width = logits.shape
    dtype = pixel_loss.class_weights.dtype
    axes = patch_axes(
        placement.size,
        placement.crop,
        (height, width),
        align_corners=placement.align_corners,
        steps=(logits.stride(2), logits.stride(3)),
        dtype=dtype,
        device=logits.device,
    )
    target = target.contiguous()
    losses = torch.empty_like(target, dtype=dtype)
    gradient = None if pixel_weights is None else torch.empty_like(logits, dtype=dtype)
    per_image = classes * 4 * axes[0].patches * axes[1].patches
    chunk = max(batch if pixel_weights is None else MAX_PARTIAL_GRADIENTS // per_image, 1)
    with torch.cuda.device_of(logits):
        for start in range(0, batch, chunk):
            some = slice(start, start + chunk)
            weights = parts = None
            if pixel_weights is not None:
                weights = pixel_weights[some].contiguous()
                parts = losses.new_empty(len(weights), per_image)
            _losses(logits[some], target[some], axes, pixel_loss, losses[some], weights, parts)
            if parts is not None and gradient is not None:
                _gather(parts, axes, gradient[some])
    return losses, gradient


def _losses(
    logits: Tensor,
    target: Tensor,
    axes: tuple[PatchAxis, PatchAxis],
    pixel_loss: PixelLoss,
    losses: Tensor,
    pixel_weights: Tensor | None,
    parts: Tensor | None,
) -> None:
    rows, columns = axes
    classes = logits.shape[1]
    blocks = triton.cdiv(rows.patches * columns.patches, PATCHES.value)
    smoothing = pixel_loss.smoothing_weights
    kernels.losses_of_patches[(len(logits) * blocks,)](
        logits,
        logits.stride(0),
        logits.stride(1),
        classes,
        rows.table,
        rows.patches,
        rows.weight,
        columns.table,
        columns.patches,
        columns.weight,
        blocks,
        *losses.shape[1:],
        target,
        pixel_loss.ignore,
        pixel_loss.label_weight(torch.arange(classes, device=logits.device)),
        smoothing,
        smoothing.sum(),
        losses,
        losses if pixel_weights is None else pixel_weights,
        losses if parts is None else parts,
        GRADIENT=parts is not None,
        PATCH_ROWS=rows.max_side,
        PATCH_COLUMNS=columns.max_side,
        num_warps=1,
    )


def _gather(parts: Tensor, axes: tuple[PatchAxis, PatchAxis], gradient: Tensor) -> None:
    rows, columns = axes
    batch, classes, height, width = gradient.shape
    blocks = triton.cdiv(height * width, kernels.POSITIONS.value)
    kernels.sum_of_patches[(batch * classes * blocks,)](
        parts,
        classes,
        rows.patch_range,
        rows.patches,
        rows.max_patches,
        height,
        columns.patch_range,
        columns.patches,
        columns.max_patches,
        width,
        blocks,
        gradient,
        *gradient.stride(),
    )
