"""Rendezvous: how the replicas of one start find each other, and no remains of an earlier one.

`torchrun` keeps one key-value store while it restarts processes, so that it still holds the addresses of processes that
have ended. Connecting to those fails or never ends. Therefore replica 0 gives every start keys of its own, and takes
only replicas that answer it.
"""

import time
from datetime import timedelta
from uuid import uuid4

from torch.distributed.distributed_c10d import PrefixStore, Store

_POLL_SECONDS = 0.05


def fresh_store(store: Store, *, rank: int, size: int, timeout: timedelta) -> Store:
    """Return a part of a store that only the replicas of this start use; waits until all have come.

    Every replica brings a random word. Replica 0 publishes its word, the others answer below that word with theirs, and
    replica 0 repeats to each what it said. A replica that reads the word of an earlier replica 0 is not answered, and
    reads again.

    Args:
        store: Key-value store that all replicas reach, and earlier ones may have used.
        rank: Number of this replica.
        size: Number of replicas.
        timeout: Longest wait for the others, which may still be reading their data.

    Raises:
        RuntimeError: If others have not come in time, or the store is lost.
    """
    word, deadline = uuid4().hex, time.monotonic() + timeout.total_seconds()
    if rank == 0:
        store.set("atrous/leader", word)
        for other in range(1, size):
            answer = f"atrous/{word}/{other}"
            _wait_for(store, answer, deadline=deadline, missing=f"replica {other} has not started")
            store.set(f"{answer}/seen", store.get(answer).decode())
        return PrefixStore(word, store)
    while True:
        _wait_for(store, "atrous/leader", deadline=deadline, missing="replica 0 has not started")
        leader = store.get("atrous/leader").decode()
        answer = f"atrous/{leader}/{rank}"
        store.set(answer, word)
        if store.check([f"{answer}/seen"]) and store.get(f"{answer}/seen").decode() == word:
            return PrefixStore(leader, store)
        _pause(deadline, missing="replica 0 has not started")


def _wait_for(store: Store, key: str, *, deadline: float, missing: str) -> None:
    while not store.check([key]):
        _pause(deadline, missing=missing)


def _pause(deadline: float, *, missing: str) -> None:
    if time.monotonic() > deadline:
        raise RuntimeError(missing)
    time.sleep(_POLL_SECONDS)
