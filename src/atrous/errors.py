"""The exception for bad input, and hints in its messages."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input: the message is one line that names the file or option, the value, and the remedy.

    The command line prints it as it is and exits with status 2.
    """


class OutputError(InputError):
    """An output file that cannot be written; its cause is the error of the operating system or the encoder."""


class DivergedError(InputError):
    """A training whose loss or weights stopped being finite."""


def reason(error: Exception) -> str:
    """The message of another library's exception in one line, or its class name where the message is empty."""
    return " ".join(str(error).split()) or type(error).__name__


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most similar to `name`; None if none is."""
    names = [*known]
    spellings = (name, name.lower(), name.lower().replace("-", "_"), name.lower().replace("_", "-"))
    for spelling in spellings:
        if close := difflib.get_close_matches(spelling, names, n=1):
            return close[0]
    return None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?` with the most similar known name, or `known: ...` with all of them."""
    names = [*known]
    similar = closest(name, names)
    return f"did you mean {similar!r}?" if similar is not None else f"known: {', '.join(names)}"
