"""Faults of data that need not end the search for more: refused one by one, or collected by who wants to know all."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from atrous.errors import InputError


class Complaint(NamedTuple):
    """A fault: its kind in a word or two, and the line that names file, value and remedy."""

    kind: str
    line: str


_collected: ContextVar[list[Complaint] | None] = ContextVar("collected", default=None)


def complain(line: str, *, kind: str) -> None:
    """Refuse what is wrong; inside `collecting` note it and return: the caller then goes on without it.

    Raises:
        InputError: With the line, where nobody collects.
    """
    collected = _collected.get()
    if collected is None:
        raise InputError(line)
    collected.append(Complaint(kind, line))


@contextmanager
def collecting() -> Iterator[list[Complaint]]:
    """The list of what is complained of in the block, by this thread."""
    complaints: list[Complaint] = []
    token = _collected.set(complaints)
    try:
        yield complaints
    finally:
        _collected.reset(token)
