"""Run compiled functions in torch's own OpenMP threads.

OpenMP's threads stay active for a while after each operation, waiting for the next one. Threads of a separate pool
would share the processors with them: of two processors, one and a third would be left for the work.
"""

import ctypes
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import get_ident
from typing import TypeVar

import torch

Task = TypeVar("Task")

_PROCESS = os.getpid()
_MEMBER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def parallel_for(work: Callable[[Task], None], tasks: Sequence[Task]) -> None:
    """Call `work` with every task, in as many threads as torch uses, and raise the first exception of any call.

    In a process that was forked after this module was imported the tasks run one after the other, because OpenMP does
    not work there. `work` must not call `parallel_for`.
    """
    threads = min(torch.get_num_threads(), len(tasks))
    if threads <= 1 or os.getpid() != _PROCESS:
        for task in tasks:
            work(task)
        return
    waiting, problems, ended = deque(tasks), [], set()

    def member(_: int | None) -> None:
        try:
            while waiting:
                try:
                    task = waiting.popleft()
                except IndexError:  # another member was quicker
                    break
                work(task)
        except BaseException as problem:  # C cannot pass it on
            problems.append(problem)
            waiting.clear()
        ended.add(get_ident())

    _run_team(member, threads)
    if problems:
        raise problems[0]
    if _open_mp() and get_ident() not in ended:
        raise KeyboardInterrupt  # a signal arrived while C called back, and its exception was lost there


def _run_team(member: Callable[[int | None], None], threads: int) -> None:
    """Call a function once in each of several threads; with OpenMP the calling thread is one of them."""
    if parallel := _open_mp():
        parallel(_MEMBER(member), None, threads, 0)
    else:
        list(_pool(threads).map(member, [None] * threads))


@cache
def _open_mp() -> Callable[..., None] | None:
    """Entry of GCC's OpenMP that runs a function in all threads; None if torch uses another OpenMP."""
    try:
        parallel = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOLOAD).GOMP_parallel
    except (AttributeError, OSError):  # another system, or another OpenMP
        return None
    parallel.argtypes, parallel.restype = [_MEMBER, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return parallel


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="atrous")
