"""Replicas: processes that train one model synchronously, each on its rows of every batch.

Gradients and losses are summed over the replicas and batch norm is over the whole batch (`ops/replica_norm.py`), so
that a step equals that of one process with the whole batch up to the order of additions; only dropout draws other
masks. The papers' replicas were asynchronous (DeepLabv3, Table 11). `torchrun` starts the processes.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import _set_pg_timeout as set_group_timeout  # it has no public name
from torch.distributed.rendezvous import rendezvous

from atrous.errors import InputError
from atrous.training.rendezvous import fresh_store

_START_TIMEOUT = timedelta(hours=2)
"""Longest wait for the replica that reads its data last."""

_CONNECT_TIMEOUT = timedelta(minutes=2)
"""Longest time in which replicas that have all come may connect; after an error `torchrun` starts them anew."""

_COLLECTIVE_TIMEOUT = timedelta(days=7)
"""Longest wait of the others while replica 0 validates. `torchrun` and gloo notice a dead replica at once."""


@dataclass(frozen=True)
class Replicas:
    """Rank of this process and number of processes (world size) of synchronous training; by default a single process.

    Attributes:
        rank: Number of this process, from 0; rank 0 alone validates, writes and reports.
        size: Number of processes.
        local_rank: Number of this process among those on the same machine.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_rank_0(self) -> bool:
        """Return True for rank 0."""
        return self.rank == 0

    def rows(self, batch_size: int) -> slice:
        """Return the rows of a batch that this process computes; `batch_size` is a multiple of `size`."""
        share = batch_size // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def local_device(self, device: torch.device) -> torch.device:
        """Return the device of this kind that only this process uses.

        Raises:
            InputError: If there is no such device.
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
        local_device = torch.device("cuda", self.local_rank)
        torch.cuda.set_device(local_device)  # the default of calls without a device
        return local_device

    @contextmanager
    def process_group(self, device: torch.device) -> Iterator[None]:
        """Enter a context in which the replicas can exchange tensors.

        Raises:
            InputError: If they cannot connect, or another replica ended early.
        """
        if self.size == 1:
            yield
            return
        on_gpu = device.type == "cuda"
        try:
            shared, _, _ = next(rendezvous("env://", timeout=_START_TIMEOUT))
            dist.init_process_group(
                "nccl" if on_gpu else "gloo",
                store=fresh_store(shared, rank=self.rank, size=self.size, timeout=_START_TIMEOUT),
                rank=self.rank,
                world_size=self.size,
                timeout=_CONNECT_TIMEOUT,
                device_id=device if on_gpu else None,
            )
            dist.all_reduce(torch.zeros(1, device=device))  # connected in both directions
            set_group_timeout(_COLLECTIVE_TIMEOUT)
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
                f"replica {self.rank} of {self.size} lost another one; see the message of that one for the reason"
            ) from error
        dist.destroy_process_group()  # not after an error: it would wait for what the others never send

    def all_reduce_sum(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over all replicas, in place."""
        if self.size > 1:
            _flattened(dist.all_reduce, tensors)

    def broadcast_from_rank_0(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by that of rank 0, in place."""
        if self.size > 1:
            _flattened(lambda flat: dist.broadcast(flat, src=0), tensors)


SINGLE_PROCESS = Replicas()


def replicas_from_environment() -> Replicas:
    """Read rank and size from the environment variables of `torchrun`; `SINGLE_PROCESS` without them.

    Raises:
        InputError: If the environment contradicts itself.
    """
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
    if not all(name in os.environ for name in names):
        return SINGLE_PROCESS
    given = ", ".join(f"{name}={os.environ[name]}" for name in names)
    try:
        rank, size, local_rank = (int(os.environ[name]) for name in names)
    except ValueError as error:
        raise InputError(f"{given} are no numbers of replicas; start by torchrun") from error
    if not (0 <= rank < size and 0 <= local_rank <= rank):
        raise InputError(f"{given} contradict each other; start by torchrun")
    return Replicas(rank, size, local_rank)


@torch.no_grad()
def _flattened(operation: Callable[[Tensor], object], tensors: Sequence[Tensor]) -> None:
    """Apply a collective operation to all tensors of a type at once, in logical order whatever their memory layout."""
    for dtype in dict.fromkeys(tensor.dtype for tensor in tensors):
        alike = [tensor for tensor in tensors if tensor.dtype == dtype]
        flat = torch.cat([tensor.flatten() for tensor in alike])
        operation(flat)
        for tensor, part in zip(alike, flat.split([tensor.numel() for tensor in alike]), strict=True):
            tensor.copy_(part.view_as(tensor))
