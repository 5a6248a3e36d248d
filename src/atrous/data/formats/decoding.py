"""Decoding of files that anybody may have made: a limit of pixels, and every error as one line about the file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atrous.errors import InputError, reason

ALTERED = "alters class ids"
"""In the lines about masks of codecs with loss."""


class TooManyPixelsError(InputError):
    """A picture of more pixels than a limit allows."""


@contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Turn whatever is raised inside into one line about a file: damaged files make decoders raise nearly anything.

    Raises:
        InputError: Ours as they are; others with the reason: the system's, too little memory, or a damaged file.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"cannot read {path}: there is too little memory; close other programs or cut it") from error
    except OSError as error:
        if error.errno is not None and error.strerror:
            raise InputError(f"cannot read {path}: {error.strerror}; check the file and its disk") from error
        raise _damaged(path, error) from error
    except Exception as error:  # a damaged file makes decoders raise nearly anything
        raise _damaged(path, error) from error


def check_size(path: Path, width: int, height: int, *, max_pixels: int) -> None:
    """Refuse more pixels than a limit; raises TooManyPixelsError."""
    if width * height > max_pixels:
        raise TooManyPixelsError(
            f"{path} has {width} x {height} pixels, more than the limit of {max_pixels}; "
            "cut it into tiles or raise the limit"
        )


def _damaged(path: Path, error: Exception) -> InputError:
    way = ", or read what is there by --truncated" if "truncated" in str(error) and _is_jpeg(path) else ""
    return InputError(f"cannot read {path}: {reason(error)}; the file may be damaged, replace it{way}")


def _is_jpeg(path: Path) -> bool:
    return path.suffix.lower() in (".jpg", ".jpeg", ".jfif")
