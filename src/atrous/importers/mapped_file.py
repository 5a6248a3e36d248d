"""A file as bytes that are read when they are looked at."""

import mmap
from pathlib import Path

from atrous.errors import InputError

LARGEST_FILE = 2 << 30
"""Bytes; the largest official file has 0.5 GiB."""


def mapped(path: Path, *, largest: int = LARGEST_FILE) -> memoryview:
    """The contents of a file.

    Raises:
        InputError: If it is missing, no regular file, or larger than `largest` bytes.
        OSError: If it cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{path.name} is missing")
    with path.open("rb") as file:
        size = file.seek(0, 2)
        if size > largest:
            raise InputError(f"{path.name} has {size} bytes, more than any official file")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b"")
