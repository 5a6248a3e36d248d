"""Running statistics of batch norm computed anew from training crops, for a validation and the weights that it saves.

In training the running statistics are a moving average over past steps. In short runs, and while weights change fast,
it belongs to a network that is no more, and a validation finds less than was learned.
"""

import copy
from collections.abc import Iterable

import torch
from torch import Tensor

from atrous.inference.predictor import Model
from atrous.model.norm import norms


@torch.no_grad()
def with_new_statistics(model: Model, images: Iterable[Tensor]) -> Model:
    """Return a copy of a network whose running statistics are the plain means of those of batches; the rest is equal.

    Every batch norm normalises by the batch, as in training, and all else runs as in evaluation: dropout drops nothing.
    The variances that are averaged are unbiased, like those that training keeps. A batch norm that is frozen, or sees
    one value per channel, keeps its statistics.

    Args:
        model: The network; it stays as it is.
        images: Batches of images `[b, c, h, w]`, values 0..255, on the network's device, at least one, of the size of
            those by which training normalises.
    """
    renewed = copy.deepcopy(model).eval()
    for norm in norms(renewed):
        norm.spans_replicas = False  # the other replicas go on without these batches
        norm.momentum = None  # the plain mean over the batches that are tracked, which begins anew
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.zero_()
        norm.train()
    for batch in images:
        renewed(batch)
    return renewed.eval()
