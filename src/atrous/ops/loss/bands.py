"""Cross entropy of upsampled logits and its gradient, some rows of one image at a time: plain torch, any device."""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from atrous.errors import InputError
from atrous.ops.bilinear import axis
from atrous.ops.loss.bilinear_matrices import narrowed, stretches, widened
from atrous.ops.loss.pixel_loss import PixelLoss
from atrous.ops.upsample import Upsampling

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
    lies: Upsampling,
    pixel_loss: PixelLoss,
    shares: Float[Tensor, "b H W"] | None,
) -> tuple[Float[Tensor, "b H W"], Float[Tensor, "b k h w"] | None]:
    """What each pixel loses, and the gradient of the sum of shares * losses; without shares no gradient.

    Held are one image's maps as wide as the crop, twice, and a band.

    Raises:
        InputError: If a label has no class.
    """
    weights, classes, width = pixel_loss.class_weights, logits.shape[1], lies.crop[1]
    down, across = (
        axis(crop, length=length, source=source, align_corners=lies.align_corners, like=weights)
        for crop, length, source in zip(lies.crop, lies.size, logits.shape[2:], strict=True)
    )
    rows = stretches(down, fine=max(BAND_FLOATS // (classes * width), LEAST_ROWS))
    columns = stretches(across, fine=COLUMNS)
    losses = torch.empty_like(target, dtype=weights.dtype)
    gradient = None if shares is None else torch.empty_like(logits, dtype=weights.dtype)
    for i, image in enumerate(logits):
        wide = widened(image.to(weights.dtype).transpose(0, 1).contiguous(), columns)
        wide_gradient = torch.zeros_like(wide)
        for row in rows:
            band = (row.matrix @ wide[row.coarse].flatten(1)).unflatten(1, (classes, width))
            share = None if shares is None else shares[i, row.fine]
            losses[i, row.fine] = consumed(band, target[i, row.fine], pixel_loss, shares=share)
            if shares is not None:
                wide_gradient[row.coarse].flatten(1).addmm_(row.matrix.T, band.flatten(1))
        if gradient is not None:
            gradient[i] = narrowed(wide_gradient, columns, width=logits.shape[3]).transpose(0, 1)
    return losses, gradient


def consumed(
    band: Float[Tensor, "n k W"],
    target: Integer[Tensor, "n W"],
    pixel_loss: PixelLoss,
    *,
    shares: Float[Tensor, "n W"] | None,
) -> Float[Tensor, "n W"]:
    """What the pixels of a band lose; its logits are overwritten, by the gradient where there are shares.

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
    if shares is not None:
        band *= (mass * shares / total)[:, None]
        band.scatter_add_(1, labels[:, None], -(own * shares)[:, None])
        if pixel_loss.label_smoothing:
            band -= background[:, None] * (labelled * shares)[:, None]
    return losses


def _check(labels: Integer[Tensor, "n W"], *, classes: int) -> None:
    stray = labels[(labels < 0) | (labels >= classes)]
    if stray.numel():
        raise InputError(f"label {int(stray[0])} has no class; use 0 to {classes - 1}, or the ignored value")
