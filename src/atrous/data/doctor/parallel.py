"""Work on the files of a data set in threads that together keep within a share of the memory."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition
from typing import TypeVar

from atrous.data.formats.tiff import upright_picture_size
from atrous.data.pairs import Pair
from atrous.errors import InputError
from atrous.memory_limit import memory_limit

T = TypeVar("T")
R = TypeVar("R")

_MEMORY_SHARE = 4
"""Files that are read at the same time may take a quarter of the memory."""
_BYTES_PER_PIXEL = 24
"""Picture and mask, decoded, and the 64-bit numbers that colours are counted by."""


def in_threads(
    work: Callable[[T], R],
    items: Sequence[T],
    *,
    bytes_of: Callable[[T], int],
    tell: Callable[[int, int], None],
    most_bytes: int | None = None,
) -> list[R]:
    """Work on all items in threads; decoders work outside Python's lock.

    Args:
        work: Called with every item.
        items: In the order of the results.
        bytes_of: Memory that the work on an item takes. One of more than all others may take is worked on alone.
        tell: Called with the number of items done and that of all.
        most_bytes: Memory that all items that are worked on may take together; a quarter of the machine's by default.
    """
    limit = memory_limit() // _MEMORY_SHARE if most_bytes is None else most_bytes
    budget = _Budget(limit)

    def within(item: T) -> R:
        with budget.taken(min(bytes_of(item), limit)):
            return work(item)

    def counted(results: Iterable[R]) -> Iterator[R]:
        for done, result in enumerate(results, start=1):
            yield result
            tell(done, len(items))

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        try:
            return list(counted(pool.map(within, items)))
        except BaseException:  # an interrupt, which must not wait for all files
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def bytes_of_pair(pair: Pair) -> int:
    """Memory that a pair takes while it is examined, by the size in the picture's header; 0 where it has none."""
    try:
        height, width = upright_picture_size(pair.image)
    except (InputError, OSError):  # named when it is read
        return 0
    return height * width * _BYTES_PER_PIXEL


class _Budget:
    """Bytes that threads take and give back.

    Args:
        whole: Bytes in all.
    """

    def __init__(self, whole: int) -> None:
        self._left = whole
        self._changed = Condition()

    @contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Wait until so many bytes are left, and take them for the time of the block."""
        with self._changed:
            self._changed.wait_for(lambda: self._left >= count)
            self._left -= count
        try:
            yield
        finally:
            with self._changed:
                self._left += count
                self._changed.notify_all()
