"""Memory that requests hold together: what would exceed it is refused, so that load never becomes growth."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from atrous.serving.request_error import busy


class MemoryBudget:
    """A number of bytes that may be held at a time.

    Args:
        limit: In bytes.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.held = limit, 0
        self._lock = threading.Lock()

    @contextmanager
    def share(self) -> Iterator["Share"]:
        """Yield the share of one request; it is given back when the block ends."""
        share = Share(self)
        try:
            yield share
        finally:
            self.change(-share.held)

    def change(self, difference: int) -> None:
        """Hold more or fewer bytes; raises RequestError 503 if these would exceed the limit."""
        with self._lock:
            if difference > 0 and self.held + difference > self.limit:
                raise busy("the service holds as much as its memory allows; send the image again", retry_after=1)
            self.held += difference


class Share:
    """Bytes of one request."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget, self.held = budget, 0

    def take(self, number: int) -> None:
        """Hold so many bytes more; raises RequestError 503 if the budget has not as many."""
        self._budget.change(number)
        self.held += number
