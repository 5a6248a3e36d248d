"""A loss whose gradient was computed along with it, as a function that torch can differentiate once."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable


def with_gradient(
    loss: Float[Tensor, ""], logits: Float[Tensor, "b k h w"], gradient: Float[Tensor, "b k h w"]
) -> Float[Tensor, ""]:
    """Return the loss as a function of the logits with this gradient."""
    return _KnownGradient.apply(loss, logits, gradient)


class _KnownGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loss: Tensor, logits: Tensor, gradient: Tensor) -> Tensor:
        ctx.save_for_backward(gradient)
        ctx.dtype = logits.dtype
        return loss.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,) = ctx.saved_tensors
        return None, (gradient * upstream).to(ctx.dtype), None
