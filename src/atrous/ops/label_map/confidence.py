"""The label map of coarse logits with the confidence in each label, from the softmax of the upsampled logits."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.label_map.backend import backend_for
from atrous.ops.label_map.labels import Labels
from atrous.ops.label_map.upsample_argmax import upsample_argmax
from atrous.ops.upsample import Placement, upsample_bands


class Confidence(NamedTuple):
    """Labels, and two numbers on the distribution over the classes at each pixel.

    Attributes:
        labels: Class ids.
        probability: Probability of the label, 1/k .. 1.
        entropy: Entropy of the distribution over all classes, in nats, 0 .. ln k.
    """

    labels: Labels
    probability: Float[Tensor, "b H W"]
    entropy: Float[Tensor, "b H W"]


def upsample_confidence(logits: Float[Tensor, "b k h w"], placement: Placement) -> Confidence:
    """Compute the labels of `upsample_argmax` (same arguments and errors) with their probability and the entropy.

    In single precision, double for double logits. A class whose logit is -inf has probability 0; where the largest
    logit is infinite or NaN, both numbers are NaN.
    """
    labels = upsample_argmax(logits, placement)
    probability, entropy = torch.empty(2, *labels.shape, dtype=interpolation_dtype(logits.dtype), device=logits.device)
    module = backend_for("cuda") if logits.is_cuda and len(labels) else None
    confidence_map = module.confidence_map if module else _confidence_map
    confidence_map(logits.detach(), labels, probability, entropy, placement)
    return Confidence(labels, probability, entropy)


def _confidence_map(logits: Tensor, _: Tensor, probability: Tensor, entropy: Tensor, placement: Placement) -> None:
    for rows, band in upsample_bands(logits.to(probability.dtype), placement):
        probabilities = band.softmax(dim=1)
        probability[:, rows] = probabilities.amax(dim=1)
        entropy[:, rows] = torch.special.entr(probabilities).sum(dim=1)
