"""Calls of a function in threads, ahead of their use."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def prefetch(function: Callable[[T], R], items: Iterable[T], *, depth: int = 2) -> Iterator[tuple[T, Future[R]]]:
    """Yield every item with the future of `function(item)`, in order, while up to `depth` later calls are running.

    Args:
        function: Called in threads.
        items: Iterated over in the caller's thread, at most `depth` items beyond the one that was yielded last.
        depth: Number of items in memory besides the caller's.
    """
    with ThreadPoolExecutor(max_workers=depth) as pool:
        waiting: deque[tuple[T, Future[R]]] = deque()
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > depth:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
