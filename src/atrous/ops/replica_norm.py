"""Batch normalisation over the batches of all processes of `torch.distributed`; torch's `SyncBatchNorm` needs CUDA.

With x^ = (x - mean) / sqrt(variance + eps) over all n values of a channel, y = weight x^ + bias and g = dL / dy of the
sum L of all replicas' losses: dL / dx = weight / sqrt(variance + eps) (g - mean(g) - x^ mean(g x^)), means over all n.
Three exchanges of a few numbers per channel; only x is kept for the backward pass.
"""

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from atrous.ops.dtypes import interpolation_dtype

_ALL_BUT_CHANNELS = (0, 2, 3)


class Statistics(NamedTuple):
    """Mean and variance of each channel over all replicas, in single precision at least.

    Attributes:
        mean: Mean of the values.
        variance: Mean of their squared distances from the mean.
        number: Number of values per channel over all replicas, whose batches may differ in size.
    """

    mean: Float[Tensor, " c"]
    variance: Float[Tensor, " c"]
    number: Float[Tensor, ""]


@torch.no_grad()
def replica_statistics(x: Float[Tensor, "b c h w"]) -> Statistics:
    """Compute the mean, then the squares around it: two exchanges, and no difference of large numbers."""
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
    """Normalise x by its `replica_statistics`, through which its gradient depends on the batches of all replicas.

    The gradients of weight and bias are those of this replica's loss alone, like those of all other parameters.
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
        sums = torch.stack([(g * normal).sum(_ALL_BUT_CHANNELS), g.sum(_ALL_BUT_CHANNELS)])
        means = sums / number
        dist.all_reduce(means)
        mean_of_product, mean_of_g = (_per_channel(values) for values in means)
        to_x = (g - mean_of_g - normal * mean_of_product) * _per_channel(scale * weight)
        return to_x.to(x.dtype), sums[0].to(weight.dtype), sums[1].to(weight.dtype), None, None, None, None


def _at_least_single(x: Tensor) -> Tensor:
    return x.to(interpolation_dtype(x.dtype))


def _per_channel(values: Tensor) -> Tensor:
    return values[:, None, None]
