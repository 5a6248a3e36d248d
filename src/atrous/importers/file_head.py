"""First and last bytes of a file of weights, read once, from which its kind is recognised."""

import stat
from dataclasses import dataclass
from pathlib import Path

from atrous.errors import InputError

START_BYTES, END_BYTES = 4096, 64


@dataclass(frozen=True)
class FileHead:
    """The part of a file that says what kind it is.

    Attributes:
        path: The file or folder; or the common beginning of the names of several files, which exists as neither.
        is_file: True for a regular file.
        is_folder: True for a folder.
        start: The first bytes of a file, at most 4096.
        end: Its last bytes, at most 64.
        size: Its length in bytes.
    """

    path: Path
    is_file: bool = False
    is_folder: bool = False
    start: bytes = b""
    end: bytes = b""
    size: int = 0


def read_head(path: Path) -> FileHead:
    """Read the beginning and the end of a file.

    Raises:
        InputError: If the path is a pipe, socket or device, or cannot be read.
    """
    if "\0" in str(path):
        raise InputError(f"{str(path)!r:.200} is no path; give a file of weights")
    try:
        if not path.exists():
            return FileHead(path)
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return FileHead(path, is_folder=True)
        if not stat.S_ISREG(mode):
            raise InputError(f"{path} is neither a file nor a folder; give a file of weights")
        with path.open("rb") as file:
            start = file.read(START_BYTES)
            size = file.seek(0, 2)
            file.seek(-min(END_BYTES, size), 2)
            return FileHead(path, is_file=True, start=start, end=file.read(), size=size)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
