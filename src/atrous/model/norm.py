"""Batch norm that accepts a single value per channel in training, can be frozen, and can span replicas.

Freezing is that of DeepLabv3, section 4.1; across replicas it uses the statistics of all their batches.
"""

import logging

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from atrous.ops.replica_norm import replica_norm, replica_statistics

_log = logging.getLogger(__name__)
_warned = False


class BatchNorm(nn.BatchNorm2d):
    """`nn.BatchNorm2d`, except where it cannot or must not use the statistics of its input.

    * One value per channel (b * h * w == 1, as in image pooling on a batch of one) has no variance: in training it is
      normalised with the running statistics, which stay as they are; a warning is logged once.
    * `frozen` (stage 2 of the papers' protocol): the running statistics, where it has any, are used and never move.
      Scale and shift stay trainable, as in the official code; to fix them too, switch off their `requires_grad`.
    * `spans_replicas`: in training the batch is that of all replicas together; they have two values per channel at
      least.
    """

    frozen = False
    spans_replicas = False

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:  # noqa: A002
        """Normalise each channel."""
        if not self.training:
            return super().forward(input)
        if self.spans_replicas and not self.frozen:
            return self._over_replicas(input)
        single = input.shape[0] * input.shape[2] * input.shape[3] == 1
        if not (self.frozen or single) or self.running_mean is None:
            return super().forward(input)
        if single and not self.frozen:
            _warn_once()
        mean, variance = self.running_mean, self.running_var
        return F.batch_norm(input, mean, variance, self.weight, self.bias, training=False, eps=self.eps)

    def _over_replicas(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:  # noqa: A002
        statistics = replica_statistics(input)
        self._update_running_statistics(
            statistics.mean, statistics.variance * statistics.number / (statistics.number - 1)
        )
        weight = self.weight if self.affine else torch.ones_like(statistics.mean)
        bias = self.bias if self.affine else torch.zeros_like(statistics.mean)
        return replica_norm(input, weight, bias, statistics=statistics, eps=self.eps)

    @torch.no_grad()
    def _update_running_statistics(self, mean: Float[Tensor, " c"], unbiased: Float[Tensor, " c"]) -> None:
        """Move the running statistics as `nn.BatchNorm2d` does."""
        for running, value in ((self.running_mean, mean), (self.running_var, unbiased)):
            if running is not None and self.momentum is not None:
                running.lerp_(value.to(running.dtype), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def _warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        _log.warning("a batch norm saw one value per channel (batch of one): it uses its running statistics")


def norms(model: nn.Module) -> list[BatchNorm]:
    """List all batch norms of a model, in the order of its modules."""
    return [module for module in model.modules() if isinstance(module, BatchNorm)]


def set_norm_momentum(model: nn.Module, momentum: float) -> None:
    """Set the share (0..1) of each new batch in the running statistics: 1 - decay in TensorFlow's terms."""
    for norm in norms(model):
        norm.momentum = momentum


def freeze_norms(model: nn.Module, *, affine: bool = False) -> None:
    """Fix the running statistics; with `affine` also scale and shift."""
    for norm in norms(model):
        norm.frozen = True
        if affine and norm.affine:
            norm.weight.requires_grad = norm.bias.requires_grad = False


def synchronize_norms(model: nn.Module) -> None:
    """Train with the statistics of all replicas' batches together; all replicas must call the model alike."""
    for norm in norms(model):
        norm.spans_replicas = True
