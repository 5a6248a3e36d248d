"""The label map of coarse logits, and how sure of it the softmax of the upsampled logits is."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.ops.label_map.upsample_argmax import Labels, backend_for, exact_dtype, upsample_argmax
from atrous.ops.upsample import Placement, upsample_bands
from atrous.sizes import Size


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

    In single precision, double for double logits. A class whose logit is -inf has probability 0; where the largest
    logit is infinite or NaN, both numbers are NaN.
    """
    placement = Placement(size, align_corners, crop or size)
    labels = upsample_argmax(logits, **placement._asdict())
    probability, entropy = torch.empty(2, *labels.shape, dtype=exact_dtype(logits.dtype), device=logits.device)
    module = backend_for("cuda") if logits.is_cuda and len(labels) else None
    confidence_map = module.confidence_map if module else _confidence_map
    confidence_map(logits.detach(), labels, probability, entropy, placement)
    return Confidence(labels, probability, entropy)


def _confidence_map(logits: Tensor, _: Tensor, probability: Tensor, entropy: Tensor, placement: Placement) -> None:
    for rows, band in upsample_bands(logits.to(probability.dtype), **placement._asdict()):
        probabilities = band.softmax(dim=1)
        probability[:, rows] = probabilities.amax(dim=1)
        entropy[:, rows] = torch.special.entr(probabilities).sum(dim=1)
