"""Replicas: processes that train one model together, each on its rows of every batch, synchronously.

Gradients and losses are added up over them, batch norm is over all of them (`ops/replica_norm.py`), so that a step is
that of one process with the whole batch, up to the order of additions; only dropout draws other masks. The papers'
replicas were asynchronous (DeepLabv3, Table 11). `torchrun` starts the processes.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from atrous.errors import InputError

_PATIENCE = timedelta(days=7)
"""The others wait while the first one validates. A replica that dies is noticed at once: by `torchrun`, and by gloo."""


@dataclass(frozen=True)
class Replicas:
    """This process among those that train together; by default it is alone, and nothing here does anything.

    Attributes:
        rank: Its number, from 0; the first one leads: it alone validates, writes and tells.
        size: How many there are.
        local_rank: Its number among those on the same machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this is the first one."""
        return self.rank == 0

    def rows(self, batch_size: int) -> slice:
        """Which rows of a batch, a multiple of `size`, are this one's."""
        share = batch_size // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def own(self, device: torch.device) -> torch.device:
        """The device of this kind that is this one's alone.

        Raises:
            InputError: If there is none.
        """
        if self.size == 1 or device.type == "cpu":
            return device
        if device.type != "cuda":
            raise InputError(f"replicas train on CUDA devices or on the CPU, not on {device}; choose --device cpu")
        if self.local_rank >= torch.cuda.device_count():
            raise InputError(
                f"replica {self.rank} has no GPU of its own, this machine has {torch.cuda.device_count()}; "
                f"start torchrun with --nproc-per-node {torch.cuda.device_count()}"
            )
        own = torch.device("cuda", self.local_rank)
        torch.cuda.set_device(own)  # for whatever is not told a device
        return own

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        """Inside, the replicas can reach each other.

        Raises:
            InputError: If they cannot, or another one ended before its time.
        """
        if self.size == 1:
            yield
            return
        on_gpu = device.type == "cuda"
        try:
            dist.init_process_group(
                "nccl" if on_gpu else "gloo",
                rank=self.rank,
                world_size=self.size,
                timeout=_PATIENCE,
                device_id=device if on_gpu else None,
            )
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"replica {self.rank} of {self.size} cannot reach the others: {error}; start them by torchrun"
            ) from error
        try:
            yield
        except RuntimeError as error:
            if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
                raise
            raise InputError(
                f"replica {self.rank} of {self.size} lost another one; what that one said tells why"
            ) from error
        dist.destroy_process_group()  # not after an error: it would wait for what the others never send

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all replicas."""
        if self.size > 1:
            _as_one(dist.all_reduce, tensors)

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by that of the first replica."""
        if self.size > 1:
            _as_one(lambda flat: dist.broadcast(flat, src=0), tensors)


ALONE = Replicas()


def started_replicas() -> Replicas:
    """What `torchrun` says in the environment of this process; alone where it says nothing.

    Raises:
        InputError: If the environment contradicts itself.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if not all(name in os.environ for name in names):
        return ALONE
    said = ", ".join(f"{name}={os.environ[name]}" for name in names)
    try:
        rank, size, local_rank = (int(os.environ[name]) for name in names)
    except ValueError as error:
        raise InputError(f"{said} are no numbers of replicas; start by torchrun") from error
    if not (0 <= rank < size and 0 <= local_rank <= rank):
        raise InputError(f"{said} contradict each other; start by torchrun")
    return Replicas(rank, size, local_rank)


@torch.no_grad()
def _as_one(operation: Callable[[Tensor], object], tensors: Sequence[Tensor]) -> None:
    """Send all tensors of a type in one piece, in the order of their indices however they lie in memory."""
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        alike = [tensor for tensor in tensors if tensor.dtype == dtype]
        flat = torch.cat([tensor.flatten() for tensor in alike])
        operation(flat)
        for tensor, part in zip(alike, flat.split([tensor.numel() for tensor in alike]), strict=True):
            tensor.copy_(part.view_as(tensor))
