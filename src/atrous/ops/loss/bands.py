"""Cross entropy of upsampled logits and its gradient, some rows of one image at a time: plain torch, any device.

Interpolation along an axis is a product with a small matrix, and its gradient a product with the transpose.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from atrous.errors import InputError
from atrous.ops.bilinear import Neighbours
from atrous.ops.loss.pixel_loss import PixelLoss
from atrous.ops.upsample import Placement

BAND_FLOATS = 1 << 17
"""Number of logits in a band: they stay in the cache during the dozen operations on them."""

MIN_ROWS = 4
"""Least rows of a band: in thinner ones the cost of calls would dominate."""

COLUMNS = 64
"""Columns that one matrix interpolates: enough for a fast product, few enough that most of it is not zero."""


@dataclass(frozen=True)
class InterpolationBlock:
    """A run of neighbouring positions on a fine axis, and the pixels of the coarse axis that interpolate them.

    Attributes:
        fine: The positions.
        coarse: The pixels.
        matrix: Weight of each pixel at each position; rows sum to 1.
    """

    fine: slice
    coarse: slice
    matrix: Float[Tensor, "fine coarse"]


def losses_and_gradient(
    logits: Float[Tensor, "b k h w"],
    target: Integer[Tensor, "b H W"],
    *,
    placement: Placement,
    pixel_loss: PixelLoss,
    pixel_weights: Float[Tensor, "b H W"] | None,
) -> tuple[Float[Tensor, "b H W"], Float[Tensor, "b k h w"] | None]:
    """Loss of each pixel, and the gradient of the sum of pixel_weights * losses (None without pixel_weights).

    Held at a time are two maps of one image, as high as the coarse map and as wide as the crop, and one band.

    Raises:
        InputError: If a label has no class.
    """
    weights, classes, width = pixel_loss.class_weights, logits.shape[1], placement.crop[1]
    row_neighbours, column_neighbours = placement.neighbours(logits.shape[2:], like=weights)
    rows = interpolation_blocks(row_neighbours, fine=max(BAND_FLOATS // (classes * width), MIN_ROWS))
    columns = interpolation_blocks(column_neighbours, fine=COLUMNS)
    losses = torch.empty_like(target, dtype=weights.dtype)
    gradient = None if pixel_weights is None else torch.empty_like(logits, dtype=weights.dtype)
    for i, image in enumerate(logits):
        wide = upsample_columns(image.to(weights.dtype).transpose(0, 1).contiguous(), columns)
        wide_gradient = torch.zeros_like(wide)
        for row in rows:
            band = (row.matrix @ wide[row.coarse].flatten(1)).unflatten(1, (classes, width))
            band_weights = None if pixel_weights is None else pixel_weights[i, row.fine]
            losses[i, row.fine] = cross_entropy_band_(band, target[i, row.fine], pixel_loss, pixel_weights=band_weights)
            if pixel_weights is not None:
                wide_gradient[row.coarse].flatten(1).addmm_(row.matrix.T, band.flatten(1))
        if gradient is not None:
            gradient[i] = upsample_columns_transpose(wide_gradient, columns, width=logits.shape[3]).transpose(0, 1)
    return losses, gradient


def cross_entropy_band_(
    band: Float[Tensor, "n k W"],
    target: Integer[Tensor, "n W"],
    pixel_loss: PixelLoss,
    *,
    pixel_weights: Float[Tensor, "n W"] | None,
) -> Float[Tensor, "n W"]:
    """Loss of the pixels of a band, whose logits are overwritten, by their gradient if there are pixel_weights.

    With logits z, label y, and total target weight m = label_weight(y) + sum of smoothing_weights, the loss is
    m log(sum(exp(z))) - label_weight(y) z_y - sum(smoothing_weights z), and its gradient
    m softmax(z) - label_weight(y) at y - smoothing_weights.
    """
    labelled = pixel_loss.labelled(target)
    labels = torch.where(labelled, target.long(), 0)
    _check(labels, classes=band.shape[1])
    label_weight, smoothing = pixel_loss.label_weight(labels) * labelled, pixel_loss.smoothing_weights
    total_weight = label_weight + smoothing.sum() * labelled
    band -= band.amax(1, keepdim=True)  # no exponential overflows, and the loss stays the same
    losses = -label_weight * band.gather(1, labels[:, None])[:, 0]
    if pixel_loss.label_smoothing:
        losses -= (smoothing @ band) * labelled
    normaliser = band.exp_().sum(1)
    losses += total_weight * normaliser.log()
    if pixel_weights is not None:
        band *= (total_weight * pixel_weights / normaliser)[:, None]
        band.scatter_add_(1, labels[:, None], -(label_weight * pixel_weights)[:, None])
        if pixel_loss.label_smoothing:
            band -= smoothing[:, None] * (labelled * pixel_weights)[:, None]
    return losses


def _check(labels: Integer[Tensor, "n W"], *, classes: int) -> None:
    outside = labels[(labels < 0) | (labels >= classes)]
    if outside.numel():
        raise InputError(f"label {int(outside[0])} has no class; use 0 to {classes - 1}, or the ignored value")


def interpolation_blocks(axis: Neighbours, *, fine: int) -> list[InterpolationBlock]:
    """Cut an axis into blocks of at most `fine` positions."""
    length = len(axis.weight)
    return [_interpolation_block(axis, slice(start, min(start + fine, length))) for start in range(0, length, fine)]


def _interpolation_block(axis: Neighbours, fine: slice) -> InterpolationBlock:
    part = axis.part(fine)
    coarse = slice(int(part.first[0]), int(part.second[-1]) + 1)
    matrix = part.weight.new_zeros(len(part.weight), coarse.stop - coarse.start)
    row = torch.arange(len(matrix), device=matrix.device)
    matrix[row, part.first - coarse.start] += 1 - part.weight
    matrix[row, part.second - coarse.start] += part.weight
    return InterpolationBlock(fine, coarse, matrix)


def upsample_columns(maps: Float[Tensor, "h k w"], columns: list[InterpolationBlock]) -> Float[Tensor, "h k W"]:
    """Interpolate maps along their width."""
    wide = maps.new_empty(*maps.shape[:2], columns[-1].fine.stop)
    for column in columns:
        wide[..., column.fine] = maps[..., column.coarse] @ column.matrix.T
    return wide


def upsample_columns_transpose(
    gradient: Float[Tensor, "h k W"], columns: list[InterpolationBlock], *, width: int
) -> Float[Tensor, "h k w"]:
    """Gradient of maps `width` wide from the gradient of `upsample_columns` of them."""
    maps = gradient.new_zeros(*gradient.shape[:2], width)
    for column in columns:
        maps[..., column.coarse] += gradient[..., column.fine] @ column.matrix
    return maps
