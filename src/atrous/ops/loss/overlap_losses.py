"""Overlap losses of upsampled logits, Dice and Lovasz-softmax, computed one class at a time (not in the papers).

Both are means over the classes that have a labelled pixel in the batch, of a function f of one class's probabilities
p(x) over all labelled pixels x. So the gradient needs no map of all classes at once: with G = df / dp of each class,
the gradient by the logit of class j at x is p_j (G_j - sum over c of G_c p_c). Three passes over the classes
(normaliser, loss, rest of the gradient) keep a few maps of `[b, H, W]` in memory, however many classes there are.

* Dice: f = 1 - 2 sum(p y) / (sum(p) + sum(y)), y being 1 where the label is the class (V-Net, arXiv 1606.04797, there
  with squares).
* Lovasz: f is the Lovasz extension of 1 - IoU at the errors |y - p| (arXiv 1705.08790, classes "present").
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.upsample import Placement, upsample

ClassLoss = Callable[[Float[Tensor, " n"], Bool[Tensor, " n"]], tuple[Float[Tensor, ""], Float[Tensor, " n"]]]
"""From the probabilities of a class and the mask of its pixels to its loss and the derivative by each of them."""


def upsample_dice(
    logits: Float[Tensor, "b k h w"],
    target: Integer[Tensor, "b H W"],
    placement: Placement,
    *,
    ignore: int = 255,
) -> Float[Tensor, ""]:
    """Mean over the present classes of 1 - Dice, 0..1; 0 without a labelled pixel.

    Args:
        logits: Coarse logits; half precision is computed in single.
        target: Class ids at full size, or `ignore`.
        placement: Placement of the logits over the target.
        ignore: Label of pixels that do not count.
    """
    return _mean_over_classes(logits, target, placement, _dice, ignore=ignore)


def upsample_lovasz(
    logits: Float[Tensor, "b k h w"],
    target: Integer[Tensor, "b H W"],
    placement: Placement,
    *,
    ignore: int = 255,
) -> Float[Tensor, ""]:
    """Mean over the present classes of the Lovasz extension of 1 - IoU, 0..1; same arguments as `upsample_dice`."""
    return _mean_over_classes(logits, target, placement, _lovasz, ignore=ignore)


def _dice(probability: Float[Tensor, " n"], there: Bool[Tensor, " n"]) -> tuple[Tensor, Tensor]:
    area = probability.sum() + there.sum()
    common = probability[there].sum()
    return 1 - 2 * common / area, 2 * (common / area - there.to(area.dtype)) / area


def _lovasz(probability: Float[Tensor, " n"], there: Bool[Tensor, " n"]) -> tuple[Tensor, Tensor]:
    errors, order = (there.to(probability.dtype) - probability).abs().sort(descending=True, stable=True)
    hit = there[order]
    hits = hit.cumsum(0)  # integers: sums of millions of ones are exact
    missed, union = hits[-1] - hits, torch.arange(1, len(hits) + 1, device=hits.device) - hits + hits[-1]
    # Decrease of the IoU, missed / union, by one more wrong pixel: exact, where a difference of two IoUs is not.
    slope = torch.where(hit, 1, missed / (union - 1).to(errors.dtype)) / union
    sign = torch.where(hit, -slope, slope)
    return errors @ slope, torch.empty_like(slope).scatter_(0, order, sign)


def _mean_over_classes(
    logits: Float[Tensor, "b k h w"],
    target: Integer[Tensor, "b H W"],
    placement: Placement,
    loss_of: ClassLoss,
    *,
    ignore: int,
) -> Float[Tensor, ""]:
    dtype = interpolation_dtype(logits.dtype)
    coarse, labelled = logits.detach().to(dtype), target != ignore
    with torch.autocast(logits.device.type, enabled=False), torch.enable_grad():
        maps = [coarse[:, [label]].requires_grad_() for label in range(logits.shape[1])]

        def full(label: int) -> Tensor:
            return upsample(maps[label], placement)[:, 0]

        def coarse_gradient(logit: Tensor, label: int, values: Tensor) -> Tensor:
            """Gradient of the coarse map from the gradient at the labelled pixels of the full one."""
            full_gradient = torch.zeros_like(logit).masked_scatter_(labelled, values)
            return torch.autograd.grad(logit, maps[label], full_gradient)[0]

        normaliser = coarse.new_full(target.shape, -torch.inf)
        for label in range(logits.shape[1]):
            normaliser = torch.logaddexp(normaliser, full(label).detach())
        normaliser, truth = normaliser[labelled], target[labelled]
        present = [label for label in range(logits.shape[1]) if bool((truth == label).any())]
        loss, common, gradient = coarse.new_zeros(()), torch.zeros_like(normaliser), torch.zeros_like(coarse)
        for label in present:
            logit = full(label)
            probability = (logit.detach()[labelled] - normaliser).exp()
            value, slope = loss_of(probability, truth == label)
            loss, common = loss + value / len(present), common + probability * slope / len(present)
            gradient[:, [label]] = coarse_gradient(logit, label, probability * slope / len(present))
        for label in range(logits.shape[1]):
            logit = full(label)
            probability = (logit.detach()[labelled] - normaliser).exp()
            gradient[:, [label]] -= coarse_gradient(logit, label, probability * common)
    known = ((logits.to(dtype) - coarse) * gradient).sum()  # 0, with the gradient of the loss
    return loss.detach() + known
