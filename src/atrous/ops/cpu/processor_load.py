"""Fewer threads while other programs keep the processors busy.

Every operation ends when its last thread has. Where other programs want the processors, too, a thread may wait for one
during many milliseconds, and the others with it, at each of some hundred operations of a network: two threads on two
busy processors were seen to take more than ten times as long as one. So a prediction uses as many threads as there are
processors without other work when it begins, at least one.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

SAMPLES = 4
"""Number of looks before other programs count as busy: many of them run for less than a millisecond."""

PAUSE = 0.0003
"""Seconds between two looks."""

_LOAD, _THREADS = "/proc/loadavg", "/proc/self/task"


@contextmanager
def limited_threads() -> Iterator[None]:
    """Let torch use no more threads than processors are free (on Linux; elsewhere its own number, as without it).

    The number holds for operations that the calling thread starts inside. The look takes some ten microseconds where
    nothing else runs, and about a millisecond elsewhere.
    """
    before = torch.get_num_threads()
    threads = min(before, free_processors()) if before > 1 else before
    if threads == before:
        yield
        return
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def free_processors() -> int:
    """Number of processors that no other program uses now, at least 1; all of them where that cannot be known."""
    processors = os.cpu_count() or 1
    others = processors
    for sample in range(SAMPLES):
        if sample:
            time.sleep(PAUSE)
        others = min(others, _other_running_threads())
        if others == 0:
            break
    return max(processors - others, 1)


def _other_running_threads() -> int:
    """Number of threads of other programs that run or wait for a processor."""
    try:
        running = int(_read(_LOAD).split()[3].split(b"/")[0])  # of the whole machine, proc_loadavg(5)
        if running <= 1:  # the calling thread
            return 0
        stats = [_read(f"{_THREADS}/{task}/stat") for task in os.listdir(_THREADS)]
    except (OSError, ValueError, IndexError):  # another system, or a thread that has ended meanwhile
        return 0
    own = sum(stat.rpartition(b") ")[2].startswith(b"R") for stat in stats)
    return max(running - own, 0)


def _read(path: str) -> bytes:
    """Content of a small file, with fewer system calls than by a file object."""
    file = os.open(path, os.O_RDONLY)
    try:
        return os.read(file, 512)
    finally:
        os.close(file)
