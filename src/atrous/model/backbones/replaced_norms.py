"""Batch norms of other libraries replaced by ours, which can be frozen, and can span replicas."""

from typing import Any, cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

from atrous.errors import InputError
from atrous.model.norm import BatchNorm


class BatchNormAct(BatchNorm):
    """Batch norm, dropout and activation in one module, as timm has it; its parameters have the same names.

    Args:
        channels: Number of channels.
        drop: Follows the norm.
        act: Follows the dropout.
        options: Of `nn.BatchNorm2d`.
    """

    def __init__(self, channels: int, drop: nn.Module, act: nn.Module, **options: Any) -> None:
        super().__init__(channels, **options)  # pyright: ignore[reportUnknownMemberType]
        self.drop, self.act = drop, act

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Normalise each channel, drop, activate."""
        return self.act(self.drop(super().forward(input)))


def replace_norms(network: nn.Module) -> None:
    """Replace every batch norm of a network, in place, by ours with the same parameters and statistics, without hooks.

    Raises:
        InputError: If there is a batch norm of a kind that is not known; the message names it, and nothing is replaced.
    """
    named = list(cast(Any, network).named_modules(remove_duplicate=False))
    found = [(name, one) for name, one in named if isinstance(one, _BatchNorm) and not isinstance(one, BatchNorm)]
    ours: dict[nn.Module, BatchNorm] = {}
    for name, norm in found:
        if norm not in ours:
            ours[norm] = _ours(norm, name=name)
    for name, norm in found:
        parent, _, last = name.rpartition(".")
        setattr(network.get_submodule(parent), last, ours[norm])


def _ours(norm: _BatchNorm, *, name: str) -> BatchNorm:
    kind = type(norm)
    options: dict[str, Any] = {
        "eps": norm.eps,
        "momentum": norm.momentum,
        "affine": norm.affine,
        "track_running_stats": norm.track_running_stats,
        "device": "meta",
    }
    if kind in (nn.BatchNorm2d, nn.SyncBatchNorm):
        ours = BatchNorm(norm.num_features, **options)
    elif kind.__name__ == "BatchNormAct2d" and isinstance(norm, nn.BatchNorm2d):
        parts = cast(Any, norm)
        ours = BatchNormAct(norm.num_features, parts.drop, parts.act, **options)
    else:
        raise InputError(
            f"{name} is a {kind.__name__}, which cannot be frozen or spread over replicas; replace it by nn.BatchNorm2d"
        )
    for tensor in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
        setattr(ours, tensor, getattr(norm, tensor))
    return ours.train(norm.training)
