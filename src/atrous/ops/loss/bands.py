"""Cross entropy of upsampled logits and its gradient, some rows of one image at a time: plain torch, any device."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from atrous.errors import InputError
from atrous.ops.bilinear import axis
from atrous.ops.loss.bilinear_matrices import stretches, upsample_columns, upsample_columns_transpose
from atrous.ops.loss.pixel_loss import PixelLoss
from atrous.ops.upsample import Placement

BAND_FLOATS = 1 << 17
"""A band holds about this many logits: it stays in the cache while a dozen operations pass over it."""

LEAST_ROWS = 4
"""Thinner bands would spend their time on calls."""

COLUMNS = 64
"""Columns that one matrix interpolates: enough for a fast product, few enough that most of it is not zero."""


def losses_and_gradient(
    logits: Float[Tensor, "b k h w"],
    target: Integer[Tensor, "b H W"],
    *,
    placement: Placement,
    pixel_loss: PixelLoss,
    pixel_weights: Float[Tensor, "b H W"] | None,
) -> tuple[Float[Tensor, "b H W"], Float[Tensor, "b k h w"] | None]:
    """What each pixel loses, and the gradient of the sum of pixel_weights * losses; without pixel_weights no gradient.

    Held are one image's maps as wide as the crop, twice, and a band.

    Raises:
        InputError: If a label has no class.
    """
    weights, classes, width = pixel_loss.class_weights, logits.shape[1], placement.crop[1]
    down, across = (
        axis(crop, length=length, source=source, align_corners=placement.align_corners, like=weights)
        for crop, length, source in zip(placement.crop, placement.size, logits.shape[2:], strict=True)
    )
    rows = stretches(down, fine=max(BAND_FLOATS // (classes * width), LEAST_ROWS))
    columns = stretches(across, fine=COLUMNS)
    losses = torch.empty_like(target, dtype=weights.dtype)
    gradient = None if pixel_weights is None else torch.empty_like(logits, dtype=weights.dtype)
    for i, image in enumerate(logits):
        wide = upsample_columns(image.to(weights.dtype).transpose(0, 1).contiguous(), columns)
        wide_gradient = torch.zeros_like(wide)
        for row in rows:
            band = (row.matrix @ wide[row.coarse].flatten(1)).unflatten(1, (classes, width))
            share = None if pixel_weights is None else pixel_weights[i, row.fine]
            losses[i, row.fine] = cross_entropy_band_(band, target[i, row.fine], pixel_loss, pixel_weights=share)
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
    """What the pixels of a band lose; its logits are overwritten, by the gradient where there are pixel_weights.

    With z for the logits, own and background as in `PixelLoss`, and mass for the sum of both over the classes, a pixel
    loses mass log(sum(exp(z))) - own z[label] - sum(background z). The gradient of that is mass softmax(z) - own at the
    label - background.
    """
    labelled = pixel_loss.labelled(target)
    labels = torch.where(labelled, target.long(), 0)
    _check(labels, classes=band.shape[1])
    own, background = pixel_loss.own(labels) * labelled, pixel_loss.background
    mass = own + background.sum() * labelled
    band -= band.amax(1, keepdim=True)  # no exponential overflows, and the loss stays
    losses = -own * band.gather(1, labels[:, None])[:, 0]
    if pixel_loss.label_smoothing:
        losses -= (background @ band) * labelled
    total = band.exp_().sum(1)
    losses += mass * total.log()
    if pixel_weights is not None:
        band *= (mass * pixel_weights / total)[:, None]
        band.scatter_add_(1, labels[:, None], -(own * pixel_weights)[:, None])
        if pixel_loss.label_smoothing:
            band -= background[:, None] * (labelled * pixel_weights)[:, None]
    return losses


def _check(labels: Integer[Tensor, "n W"], *, classes: int) -> None:
    stray = labels[(labels < 0) | (labels >= classes)]
    if stray.numel():
        raise InputError(f"label {int(stray[0])} has no class; use 0 to {classes - 1}, or the ignored value")
