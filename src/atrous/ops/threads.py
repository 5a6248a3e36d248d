"""Compiled work in as many threads as torch uses; they are kept from one call to the next."""

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

Task = TypeVar("Task")


def each(work: Callable[[Task], None], tasks: Sequence[Task]) -> None:
    """Call `work` with every task, side by side; raises what it raises. Work must not call this again."""
    threads = min(torch.get_num_threads(), len(tasks))
    if threads <= 1:
        for task in tasks:
            work(task)
    else:
        for _ in _pool(threads).map(work, tasks):
            pass


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="atrous")


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not live on in a forked process
