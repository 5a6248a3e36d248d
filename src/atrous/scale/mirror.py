"""Local copies of data sets on remote storage, so that every layout is read and trained on as from a folder.

The objects below an address are listed, and those that the copy lacks are fetched. Files keep the times of the objects:
a run that goes on, here or on another machine, finds large data unchanged, too (`data/fingerprint.py`).
"""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock

from atrous.errors import InputError, OutputError, reason
from atrous.files import atomic_path, cache_folder
from atrous.scale.shards import check_room, is_file_path, unpacked
from atrous.scale.storage import Location, open_location

_LOGGER = logging.getLogger(__name__)

_READS = 16
"""Objects that are fetched at a time."""

_CHUNK = 2**20
"""Bytes that are read at a time."""

_LONGEST_WAIT = 30.0
"""Longest time in seconds between two tries."""


@dataclass(frozen=True)
class _Object:
    """An object of remote storage: path below the address, size in bytes, and time in nanoseconds."""

    name: str
    path: str
    size: int
    time: int

    def is_copied(self, file: Path) -> bool:
        """Return True if a file has the size and the time of the object."""
        try:
            status = file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.time)


def mirrored(address: str, *, patience: float = 1800.0, cache: Path | None = None) -> Path:
    """Copy what is new below an address to the cache, and return the local folder.

    Several processes of a machine copy once. Files that are no longer at the address are removed. Tar files are
    unpacked to a second folder, which is then returned (`scale/shards.py`).

    Args:
        address: `s3://bucket/folder`, or an address of another file system of fsspec.
        patience: Seconds for which an object is tried again while the server does not answer; each wait is logged.
        cache: Folder of all copies; by default `data` in `ATROUS_HOME`.

    Raises:
        InputError: If the address cannot be listed, holds nothing or more than fits on the disk, has names that are no
            paths of files, or the server does not answer for longer than `patience`; or if a tar file is no shard.
    """
    address = address.rstrip("/")
    objects, location = _listed(address)
    name = PurePosixPath(location.path).name or "data"
    home = (cache or cache_folder() / "data") / hashlib.sha256(address.encode()).hexdigest()[:16]
    folder = home / name
    with _lock(home):
        missing = [found for found in objects if not found.is_copied(folder / found.name)]
        check_room(sum(found.size for found in missing), home, name=address)
        _remove_others(folder, {found.name for found in objects})
        if missing:
            size = sum(found.size for found in missing) / 2**20
            _LOGGER.warning("copying %d files (%.0f MiB) of %s to %s", len(missing), size, address, folder)
        outage = _Outage()
        with ThreadPoolExecutor(_READS) as pool:
            for _ in pool.map(lambda found: _fetch(found, location, folder, outage, patience=patience), missing):
                pass
        return unpacked(folder, home / "unpacked" / name)


def _listed(address: str) -> tuple[list[_Object], Location]:
    location = open_location(address)
    location = Location(location.filesystem, location.path.rstrip("/"))
    try:
        infos = location.files(recursive=True)
    except OSError as error:
        raise InputError(f"cannot list {address}: {reason(error)}; check the address and the access rights") from error
    objects = [_as_object(info, location.path, address=address) for info in infos]
    if not objects:
        raise InputError(f"there are no files at {address}; check the spelling")
    return sorted(objects, key=lambda found: found.name), location


def _as_object(info: Any, root: str, *, address: str) -> _Object:
    name = info.path.removeprefix(root).lstrip("/")
    if not is_file_path(name):
        raise InputError(f"{address} holds {name!r:.80}, which is no path of a file; rename that object")
    return _Object(name, info.path, info.size or 0, max(info.mtime_ns or 0, 0))


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(home / ".lock")
        lock.acquire()
    except OSError as error:
        raise OutputError(
            f"cannot write {home}: {error.strerror or error}; set ATROUS_HOME to another folder"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _remove_others(folder: Path, names: set[str]) -> None:
    """Remove files that are not among `names`: of objects that have been deleted, and of an interrupted copy."""
    for parent, _, files in os.walk(folder):
        for file in files:
            path = Path(parent, file)
            if path.relative_to(folder).as_posix() not in names:
                path.unlink(missing_ok=True)


class _Outage:
    """Logs that the server does not answer: once per wait, not for every object that is fetched at a time."""

    def __init__(self) -> None:
        self._lock, self._next = threading.Lock(), 0.0

    def log(self, path: str, error: Exception, *, wait: float) -> None:
        with self._lock:
            now = time.monotonic()
            if now >= self._next:
                self._next = now + wait
                _LOGGER.warning("%s does not come (%s); trying again in %.0f s", path, error, wait)


def _fetch(found: _Object, location: Location, folder: Path, outage: _Outage, *, patience: float) -> None:
    """Copy an object, again and again while the server does not answer; raises InputError after `patience` seconds."""
    started, wait = time.monotonic(), 1.0
    while True:
        try:
            with atomic_path(folder / found.name) as temporary:
                with temporary.open("wb") as file:
                    for chunk in _chunks(found, location):
                        file.write(chunk)
                os.utime(temporary, ns=(found.time, found.time))
            return
        except _NoAnswerError as error:
            if time.monotonic() - started + wait > patience:
                raise InputError(f"cannot read {found.path}: {error}; start again once the server answers") from error
            outage.log(found.path, error, wait=wait)
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT)


class _NoAnswerError(Exception):
    """The server does not answer, or ends in the middle; no OSError, which would speak of the local disk."""


def _chunks(found: _Object, location: Location) -> Iterator[bytes]:
    """Yield the bytes of an object, exactly as many as were listed."""
    come = 0
    try:
        with location.filesystem.open_input_stream(found.path) as source:
            while chunk := source.read(_CHUNK):
                come += len(chunk)
                yield chunk
    except (FileNotFoundError, PermissionError) as error:
        raise InputError(f"cannot read {found.path}: {reason(error)}; it may have been deleted, start again") from error
    except OSError as error:
        raise _NoAnswerError(reason(error)) from error
    if come != found.size:
        raise _NoAnswerError(f"{come} of {found.size} bytes came")
