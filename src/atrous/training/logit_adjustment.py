"""Class weights taken back out of the logits once they have done their work in training.

A loss with class weights finds rare classes, and paints them too large: where two classes are equally probable, the
rarer one wins by the ratio of their weights. Subtracting the logarithm of a weight from the logit of its class undoes
that exactly (Menon et al., arXiv 2007.07314); a share of it keeps a part.
"""

import copy

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.inference.predictor import Model


@torch.no_grad()
def with_adjusted_logits(model: Model, class_weights: Float[Tensor, " k"], *, share: float) -> Model:
    """Return a copy of a network whose logits are lower by `share` times the logarithms of the class weights.

    Args:
        model: The network; it stays as it is.
        class_weights: Weight of each class in the loss, on the network's device; a class of weight 0, which the data
            lacks, keeps its logit.
        share: Share 0..1; 1 gives the logits of a loss without weights.
    """
    adjusted = copy.deepcopy(model)
    bias = adjusted.classifier.bias  # where a model has two classifiers, their outputs are added
    assert bias is not None
    bias -= share * class_weights.where(class_weights > 0, 1).log()
    return adjusted
