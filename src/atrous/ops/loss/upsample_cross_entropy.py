"""Cross entropy at full resolution: logits are upsampled, labels stay as they are (DeepLabv3, section 4.1, Table 8)."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from atrous.errors import InputError
from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.loss.known_gradient import with_gradient
from atrous.ops.loss.pixel_loss import PixelLoss, top_k_weights
from atrous.ops.upsample import Placement


def upsample_cross_entropy(
    logits: Float[Tensor, "b k h w"],
    target: Integer[Tensor, "b H W"],
    placement: Placement,
    *,
    ignore: int = 255,
    class_weights: Float[Tensor, " k"] | None = None,
    label_smoothing: float = 0.0,
    top_k_fraction: float = 1.0,
) -> Float[Tensor, ""]:
    """Mean cross entropy of the upsampled logits over the labelled pixels, in nats.

    It is the sum of the pixels' losses, weighted by class, over the number of labelled pixels: the divisor is that
    number, as in the official code, not the sum of weights. Without a labelled pixel the loss is 0. With
    `top_k_fraction` below 1 the mean is over the pixels of the batch with the largest losses (`top_k_weights`).

    Neither logits nor gradients ever exist at full size. The gradient is computed along with the loss and cannot be
    differentiated again. Two calls with the same tensors give the same bits.

    A logit that is not finite, under labelled pixels or ignored ones, makes the loss not finite.

    Args:
        logits: Coarse logits; half precision is computed in single.
        target: Class ids at full size, or `ignore`.
        placement: Placement of the logits over the target; its size may be smaller than the map.
        ignore: Label of pixels that do not count.
        class_weights: One factor per class, not negative.
        label_smoothing: Fraction of each label's weight that is spread evenly over all classes, 0..1.
        top_k_fraction: Fraction of the batch's pixels that is kept, above 0, up to 1.

    Raises:
        InputError: If target, crop or class weights do not fit, a fraction is out of range, or a label has no class.
            (On a GPU labels are not checked, since that would wait for the device: there a label without a class makes
            the loss NaN.)
    """
    dtype = interpolation_dtype(logits.dtype)
    weights = logits.new_ones(logits.shape[1], dtype=dtype) if class_weights is None else class_weights.to(dtype)
    pixel_loss = PixelLoss(weights, label_smoothing=label_smoothing, ignore=ignore)
    _check(logits, target, placement=placement, pixel_loss=pixel_loss, top_k_fraction=top_k_fraction)
    wanted = logits.requires_grad and torch.is_grad_enabled()
    with torch.no_grad(), torch.autocast(logits.device.type, enabled=False):
        compute = partial(_backend(logits.device), logits, target, placement=placement, pixel_loss=pixel_loss)
        if top_k_fraction < 1:
            pixel_weights = top_k_weights(compute(pixel_weights=None)[0], fraction=top_k_fraction)
        else:
            pixel_weights = pixel_loss.labelled(target).sum().clamp(min=1).to(dtype).reciprocal().expand(target.shape)
        losses, gradient = compute(pixel_weights=pixel_weights if wanted else None)
        loss = (losses * pixel_weights).sum()
    return loss if gradient is None else with_gradient(loss, logits, gradient)


def _backend(device: torch.device) -> Callable[..., tuple[Tensor, Tensor | None]]:
    if device.type == "cuda" and find_spec("triton"):
        from atrous.ops.loss.cuda import losses_and_gradient
    else:
        from atrous.ops.loss.bands import losses_and_gradient
    return losses_and_gradient


def _check(
    logits: Tensor, target: Tensor, *, placement: Placement, pixel_loss: PixelLoss, top_k_fraction: float
) -> None:
    batch, classes = logits.shape[:2]
    if target.shape != (batch, *placement.crop):
        needed = (batch, *placement.crop)
        raise InputError(f"target of shape {tuple(target.shape)} does not fit logits and crop; it must be {needed}")
    placement.check()
    if pixel_loss.class_weights.shape != (classes,):
        raise InputError(f"class weights of shape {tuple(pixel_loss.class_weights.shape)} do not fit {classes} classes")
    if not 0 <= pixel_loss.label_smoothing <= 1:
        raise InputError(f"label smoothing {pixel_loss.label_smoothing} is out of range; choose 0 to 1")
    if not 0 < top_k_fraction <= 1:
        raise InputError(f"top_k_fraction {top_k_fraction} is out of range; choose a fraction above 0, up to 1")
