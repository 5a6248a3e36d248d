"""Batch normalisation over the values of all replicas of `torch.distributed` (torch's own one is for CUDA only).

With x^ = (x - mean) / sqrt(variance + eps) over all n values of a channel, y = weight x^ + bias and g = dL / dy of the
sum L of all replicas' losses: dL / dx = weight / sqrt(variance + eps) (g - mean(g) - x^ mean(g x^)), means over all n.
Three exchanges of a few numbers per channel; only x is kept for the way back.
"""

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

_ALL_BUT_CHANNELS = (0, 2, 3)


class Statistics(NamedTuple):
    """Of each channel over all replicas, in single precision at least.

    Attributes:
        mean: Of the values.
        variance: Mean of the squared distances from it.
        number: Of values per channel; replicas may have different ones.
    """

    mean: Float[Tensor, " c"]
    variance: Float[Tensor, " c"]
    number: Float[Tensor, ""]


@torch.no_grad()
def replica_statistics(x: Float[Tensor, "b c h w"]) -> Statistics:
    """Mean, then the squares around it: two exchanges, and no difference of large numbers."""
    x = _at_least_single(x)
    sums = torch.cat([x.sum(_ALL_BUT_CHANNELS), x.new_full((1,), x[:, 0].numel())])
    dist.all_reduce(sums)
    mean, number = sums[:-1] / sums[-1], sums[-1]
    squares = (x - _per_channel(mean)).square().sum(_ALL_BUT_CHANNELS)
    dist.all_reduce(squares)
    return Statistics(mean, squares / number, number)


def replica_norm(
    x: Float[Tensor, "b c h w"],
    weight: Float[Tensor, " c"],
    bias: Float[Tensor, " c"],
    *,
    statistics: Statistics,
    eps: float,
) -> Float[Tensor, "b c h w"]:
    """Normalise by the `replica_statistics` of x; the gradient of x counts that they follow from the x of all replicas.

    The gradients of weight and bias are of this replica's loss alone, like those of all other parameters.
    """
    y = _ReplicaNorm.apply(x, weight, bias, *statistics, eps)
    assert isinstance(y, Tensor)
    return y


class _ReplicaNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, number: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, (variance + eps).rsqrt(), number)
        return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight, mean, scale, number = ctx.saved_tensors
        normal = (_at_least_single(x) - _per_channel(mean)) * _per_channel(scale)
        g = _at_least_single(gradient)
        own = torch.stack([(g * normal).sum(_ALL_BUT_CHANNELS), g.sum(_ALL_BUT_CHANNELS)])
        means = own / number
        dist.all_reduce(means)
        along, level = (_per_channel(values) for values in means)
        to_x = (g - level - normal * along) * _per_channel(scale * weight)
        return to_x.to(x.dtype), own[0].to(weight.dtype), own[1].to(weight.dtype), None, None, None, None


def _at_least_single(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _per_channel(values: Tensor) -> Tensor:
    return values[:, None, None]
