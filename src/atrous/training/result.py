"""The network that a validation evaluates and a run saves, made from the state that training goes on with."""

import copy
from collections.abc import Iterable

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from atrous.inference.predictor import Model
from atrous.training.checkpoint import TrainingState
from atrous.training.logit_adjustment import lower_logits
from atrous.training.norm_statistics import with_new_statistics


def result(
    state: TrainingState,
    *,
    images: Iterable[UInt8[Tensor, "b c h w"]] | None = None,
    adjustment: Float[Tensor, " k"] | None = None,
    device: torch.device,
) -> Model:
    """Return the moving average, or the network, with statistics anew and lower logits where they are wanted.

    The state stays as it is; the network is the state's own where nothing is changed.

    Args:
        state: State of a run.
        images: Batches from which the running statistics are computed anew; None keeps them.
        adjustment: What the logits of each class are lowered by, on the state's device.
        device: Device of the state.
    """
    model = state.result
    if images is not None:
        model = with_new_statistics(model, (batch.to(device) for batch in images))
    if adjustment is not None:
        model = copy.deepcopy(model) if model is state.result else model
        lower_logits(model, adjustment)
    return model
