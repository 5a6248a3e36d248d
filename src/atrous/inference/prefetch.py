"""Calls of a function in threads, ahead of their use."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from atrous.memory_limit import memory_limit

T = TypeVar("T")
R = TypeVar("R")

_MEMORY_SHARE = 4
"""Results that wait for their use may hold a quarter of the memory."""


def prefetch(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    depth: int = 2,
    bytes_of: Callable[[R], int] | None = None,
    most_bytes: int | None = None,
) -> Iterator[tuple[T, Future[R]]]:
    """Yield every item with the future of `function(item)`, in order, while up to `depth` later calls are running.

    Args:
        function: Called in threads.
        items: Iterated over in the caller's thread, at most `depth` items beyond the one that was yielded last.
        depth: Number of items in memory besides the caller's.
        bytes_of: Size in memory of a result; fewer calls run ahead while the results that wait are too large.
        most_bytes: Largest sum of these sizes; a quarter of the memory by default. A call that still runs counts as the
            largest result so far.
    """
    limit = memory_limit() // _MEMORY_SHARE if most_bytes is None else most_bytes
    with ThreadPoolExecutor(max_workers=depth) as pool:
        waiting: deque[tuple[T, Future[R]]] = deque()
        largest = 0
        for item in items:
            while waiting:
                sizes = [_size(future, bytes_of) for _, future in waiting]
                largest = max([largest, *(size for size in sizes if size is not None)])
                if (
                    len(waiting) <= depth
                    and sum(largest if size is None else size for size in sizes) + largest <= limit
                ):
                    break
                yield waiting.popleft()
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) > depth:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()


def _size(future: Future[R], bytes_of: Callable[[R], int] | None) -> int | None:
    """Size of a result; None while the call runs."""
    if bytes_of is None:
        return 0
    if not future.done():
        return None
    return 0 if future.exception() is not None else bytes_of(future.result())
