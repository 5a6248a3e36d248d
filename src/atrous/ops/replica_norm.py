"""Batch normalisation over the batches of all processes of `torch.distributed`; torch's `SyncBatchNorm` needs CUDA.

With x^ = (x - mean) / sqrt(variance + eps) over all n values of a channel, y = weight x^ + bias and g = dL / dy of the
sum L of all replicas' losses: dL / dx = weight / sqrt(variance + eps) (g - mean(g) - x^ mean(g x^)), means over all n.
Two exchanges of a few numbers per channel; only x is kept for the backward pass. Each pass over x is one of torch's own
kernels of batch norm: written as sums and products of whole tensors, a step on a CPU took half as long again.
"""

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from atrous.ops.dtypes import interpolation_dtype


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
    """Gather each replica's mean and variance, whose squares around the mean of all are exact without a second pass."""
    x = _at_least_single(x)
    mean, variance = torch.batch_norm_update_stats(x, None, None, 0.0)  # of this replica; moves no running statistics
    own = torch.stack([mean, variance, torch.full_like(mean, x[:, 0].numel())])
    gathered = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(gathered, own)
    means, variances, numbers = torch.stack(gathered, dim=1)
    number = numbers.sum(0)
    mean = (numbers * means).sum(0) / number
    squares = (numbers * (variances + (means - mean).square())).sum(0)
    return Statistics(mean, squares / number, number[0])


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
        ctx.save_for_backward(x, weight, mean, variance, number)
        ctx.eps = eps
        return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight, mean, variance, number = ctx.saved_tensors
        single, g = _at_least_single(x), _at_least_single(gradient)
        _, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            g, single, None, mean, variance, None, None, train=False, eps=ctx.eps, output_mask=[False, True, True]
        )  # the sums of g x^ and of g over this replica
        means = torch.stack([to_weight, to_bias]) / number
        dist.all_reduce(means)
        factor = weight * (variance + ctx.eps).rsqrt()
        mean_of_product, mean_of_g = means * -factor
        to_x = F.batch_norm(single, mean, variance, mean_of_product, mean_of_g, training=False, eps=ctx.eps)
        to_x.addcmul_(g, factor[:, None, None])
        return to_x.to(x.dtype), to_weight.to(weight.dtype), to_bias.to(weight.dtype), None, None, None, None


def _at_least_single(x: Tensor) -> Tensor:
    return x.to(interpolation_dtype(x.dtype))
