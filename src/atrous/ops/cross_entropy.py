"""The papers' loss: logits are upsampled, labels stay as they are (DeepLabv3, section 4.1 and Table 8)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from atrous.ops.upsample import Size, upsample


def upsample_cross_entropy(
    logits: Float[Tensor, "b k h w"],
    target: Integer[Tensor, "b H W"],
    *,
    size: Size,
    align_corners: bool,
    crop: Size | None = None,
    ignore: int = 255,
    class_weights: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, ""]:
    """Cross entropy of the upsampled logits, in nats: weighted sum over labelled pixels / number of labelled pixels.

    The divisor is the count, as in the official code, not the sum of weights. Without a labelled pixel it is 0.

    Args:
        logits: Coarse logits.
        target: Class ids at full size, or `ignore`.
        size: (height, width) in pixels that the coarse map spans.
        align_corners: Whether corner pixels' centres (True) or edges (False) coincide.
        crop: (height, width) of the target, top left in `size`; None is all of it.
        ignore: Label value without a say.
        class_weights: One factor per class.
    """
    full = upsample(logits, size=size, align_corners=align_corners, crop=crop)
    full = full.to(torch.promote_types(full.dtype, torch.float32))  # a sum over an image is too much for half precision
    weights = None if class_weights is None else class_weights.to(full.dtype)
    labels = target.long()
    total = F.cross_entropy(full, labels, weight=weights, ignore_index=ignore, reduction="sum")
    return total / (labels != ignore).sum().clamp(min=1)
