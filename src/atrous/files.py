"""Atomic writing of files, under a temporary name in the same folder that is then changed; the cache folder."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from atrous.errors import InputError, OutputError, closest

_COMPARED = 1000
"""Names that a misspelled one is compared with; of 100 000 that takes five seconds."""

_REMEDIES = {errno.ENAMETOOLONG: "give it a shorter name"}
"""Remedies for errors that neither space nor another folder mends."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder that becomes `path` when the block ends without an error.

    The temporary name keeps the suffix, so that libraries which choose a format by suffix choose the same one.
    After an error, a full disk or an interrupt, `path` is what it was before.

    Raises:
        InputError: If the folder cannot be created or written to.
    """
    try:
        # Part of the stem only: the temporary name must not be too long where the final one is not.
        temporary = path.with_name(f".{path.stem[:32]}.{secrets.token_hex(4)}.part{path.suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    except (OSError, ValueError) as error:  # ValueError: no file name at all, or a null character in it
        reason = getattr(error, "strerror", None) or error
        remedy = _REMEDIES.get(getattr(error, "errno", None) or 0, "choose another output folder")
        raise OutputError(f"cannot write {path}: {reason}; {remedy}") from error
    try:
        yield temporary
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or error
        remedy = _REMEDIES.get(error.errno or 0, "free some space or choose another output folder")
        raise OutputError(f"cannot write {path}: {reason}; {remedy}") from error
    finally:
        temporary.unlink(missing_ok=True)


def cache_folder() -> Path:
    """`ATROUS_HOME`, or `atrous` in the user's cache folder (`XDG_CACHE_HOME`, by default `~/.cache`).

    Raises:
        InputError: If the user has no home folder, as in containers that run under a number without a name.
    """
    home = os.environ.get("ATROUS_HOME")
    try:
        if home:
            return Path(home).expanduser()
        return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "atrous"
    except RuntimeError as error:
        raise InputError("this user has no home folder; set ATROUS_HOME to a folder for downloads") from error


def _sync_folder(folder: Path) -> None:
    """Have the operating system write the folder's new entry to disk; does nothing where folders cannot be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows
        return
    try:
        with suppress(OSError):  # network file systems that do not support it
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def similar_path(path: str) -> str | None:
    """Return the file or folder beside a path that does not exist whose name is most similar, for a hint.

    None if no name is, or the folder cannot be read; of a folder with many files only the first are compared.
    """
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder or os.curdir) as entries:
            similar = closest(name, [entry.name for entry in islice(entries, _COMPARED)])
    except OSError:
        return None
    return similar and os.path.join(folder, similar)
