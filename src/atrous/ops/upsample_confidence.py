"""The label map of coarse logits, and how sure of it the softmax of the upsampled logits is."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.ops.upsample import Size, upsample_bands
from atrous.ops.upsample_argmax import Labels, exact_dtype, upsample_argmax


class Confidence(NamedTuple):
    """Labels, and the distribution over the classes at their pixels in two numbers.

    Attributes:
        labels: Class ids.
        probability: Of the label, 1/k .. 1.
        entropy: Of all classes, in nats, 0 .. ln k.
    """

    labels: Labels
    probability: Float[Tensor, "b H W"]
    entropy: Float[Tensor, "b H W"]


def upsample_confidence(
    logits: Float[Tensor, "b k h w"], *, size: Size, align_corners: bool, crop: Size | None = None
) -> Confidence:
    """The labels of `upsample_argmax`, which has the same arguments and errors, with probability and entropy.

    In single precision, double for double logits. A class whose logit is -inf has probability 0; where the largest logit
    is infinite or NaN, both numbers are NaN.
    """
    labels = upsample_argmax(logits, size=size, align_corners=align_corners, crop=crop)
    exact = logits.detach().to(exact_dtype(logits.dtype))
    probability, entropy = exact.new_empty(labels.shape), exact.new_empty(labels.shape)
    for rows, band in upsample_bands(exact, size=size, align_corners=align_corners, crop=crop):
        probabilities = band.softmax(dim=1)
        probability[:, rows] = probabilities.amax(dim=1)
        entropy[:, rows] = torch.special.entr(probabilities).sum(dim=1)
    return Confidence(labels, probability, entropy)
