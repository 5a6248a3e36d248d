"""Faults of data that need not end the search for more: raised at once, or collected to report all of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, TypeVar

from atrous.errors import InputError

T = TypeVar("T")

ASSUMED = "assumption"
"""The kind of a remark about a choice that changes the classes if it is wrong: the doctor warns of it."""


class Complaint(NamedTuple):
    """A fault, or a remark: its kind in a word or two, and the line that names file, value and remedy."""

    kind: str
    line: str
    remark: bool = False


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


def remark(line: str, *, kind: str) -> None:
    """Note a choice, or something that is left out, inside `collecting`; elsewhere nothing happens."""
    collected = _collected.get()
    if collected is not None:
        collected.append(Complaint(kind, line, remark=True))


@contextmanager
def collecting() -> Iterator[list[Complaint]]:
    """The list of what is complained of in the block, by this thread."""
    complaints: list[Complaint] = []
    token = _collected.set(complaints)
    try:
        yield complaints
    finally:
        _collected.reset(token)


def attempt(work: Callable[[], T], kind: str, complaints: list[Complaint]) -> T | None:
    """The result of `work`; None, and one complaint more, where its input is refused or cannot be read."""
    try:
        return work()
    except InputError as error:
        complaints.append(Complaint(kind, str(error)))
    except OSError as error:
        complaints.append(Complaint(kind, unreadable(error)))
    return None


def unreadable(error: OSError) -> str:
    """The line about a file or folder that the system does not let us look at; a name beyond reason is cut."""
    reason = error.strerror or str(error)
    return f"cannot read {error.filename or 'the data'!s:.500}: {reason}; check the name and the access rights"
