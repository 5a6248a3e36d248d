"""Class weights taken back out of the logits once they have done their work in training.

A loss with class weights finds rare classes, and paints them too large: where two classes are equally probable, the
rarer one wins by the ratio of their weights. At the minimum of the weighted cross entropy, logits lower by the
logarithms of the weights are those of a loss without weights (Menon et al., arXiv 2007.07314, do the same with class
frequencies); a share of the logarithms takes a part back. Other terms of a loss have other minima.

A run that starts from other weights, whatever made them, raises their logits first, and the targets of a teacher are
raised alike: so the network that is saved begins as the one that the run started from, and nothing is taken twice.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.inference.predictor import Model
from atrous.training.checkpoint import TrainingState
from atrous.training.loss import CustomLoss, SegmentationLoss


def logit_adjustment(loss: SegmentationLoss | CustomLoss, *, share: float) -> Float[Tensor, " k"] | None:
    """Return by how much saved logits are below trained ones: a share (0..1) of the logarithms of the class weights.

    Only weights that balance frequencies are taken back; those of a file say what its writer wants. A class of weight
    0, which the data lacks, keeps its logit. None where there is nothing to take back.
    """
    if not share or not isinstance(loss, SegmentationLoss) or not loss.config.class_balance:
        return None
    weights = loss.class_weights
    assert weights is not None
    return share * weights.where(weights > 0, 1).log()


@torch.no_grad()
def lower_logits(model: Model, adjustment: Float[Tensor, " k"]) -> None:
    """Lower the logits of a network, in place."""
    bias = model.classifier.bias  # where a model has two classifiers, their outputs are added
    assert bias is not None
    bias -= adjustment


def raise_logits(state: TrainingState, adjustment: Float[Tensor, " k"]) -> None:
    """Raise the logits of a state's network and of its moving average, in place."""
    lower_logits(state.model, -adjustment)
    if state.average:
        lower_logits(state.average.model, -adjustment)
