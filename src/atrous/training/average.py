"""An exponential moving average of a model's weights and running statistics."""

import copy
from itertools import chain
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)


class MovingAverage(Generic[M]):
    """Exponential moving average of a model: average += (1 - decay) * (weights - average) after every step.

    At step n the decay is at most (1 + n) / (10 + n), so that the average soon forgets the initial weights.
    """

    def __init__(self, model: M, *, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(requires_grad=False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: M, *, step: int) -> None:
        """Update the average with the weights after `step`, counted from 0."""
        decay = min(self.decay, (1 + step) / (10 + step))
        pairs = zip(_tensors(self.model), _tensors(model), strict=True)
        averages, currents = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
        torch._foreach_lerp_(list(averages), list(currents), 1 - decay)  # pyright: ignore[reportPrivateImportUsage]


def _tensors(model: nn.Module) -> chain[Tensor]:
    return chain(model.parameters(), model.buffers())
