"""Archives of data sets, unpacked whole or not at all, and never outside of their folder."""

import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable
from uuid import uuid4

from atrous.download import OnProgress
from atrous.errors import InputError, reason

_LARGEST_RATIO = 50
"""An archive that grows more than this is made to fill a disk; photographs do not shrink, annotations to a fifth."""
_SMALL = 2**24
"""Bytes that anything may grow to."""


@runtime_checkable
class ArchiveContent(Protocol):
    """The bytes of a file in an archive."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        ...


_DAMAGES = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""Exceptions that the readers raise on damaged archives; gzip and bz2 also raise an OSError without a number."""

_LATEST = 2**33
"""Latest time in seconds that an unpacked file may have; later ones are no times."""


class _Member(NamedTuple):
    """A file in an archive: name, size in bytes, content (None: a folder), and its time in seconds where it has one."""

    name: PurePosixPath
    size: int
    content: ArchiveContent | None = None
    time: float | None = None


def extract(archive: Path, folder: Path, *, top: str, on_progress: OnProgress | None = None) -> Path:
    """Unpack a tar (plain or compressed) or zip file so that `folder / top` appears when all of it is there.

    Args:
        archive: The file.
        folder: Where its content goes.
        top: The folder that all its files are in.
        on_progress: Called with bytes of the archive read and in all.

    Returns:
        The folder `top`.

    Raises:
        InputError: If the archive is damaged, holds links, devices or names outside of `top`, or grows beyond measure;
            if `top` is there already, or cannot be written.
    """
    target = folder / top
    if target.exists():
        raise InputError(f"{target} is there already; move it away to have it unpacked again")
    staging = folder / f".{top}.{uuid4().hex[:8]}.part"
    try:
        staging.mkdir(parents=True)
        unpack(archive, staging, place=partial(_checked, top=top), on_progress=on_progress)
        (staging / top).rename(target)
    except OSError as error:
        raise InputError(f"cannot unpack {archive} into {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def unpack(
    archive: Path,
    folder: Path,
    *,
    place: Callable[[PurePosixPath], PurePosixPath],
    on_progress: OnProgress | None = None,
) -> None:
    """Write the files of a tar (plain or compressed) or zip file; files of a tar file keep their times.

    Args:
        archive: The file.
        folder: Where its files go; those that are there are never replaced.
        place: Path below the folder for each name; raises InputError for names that it does not accept.
        on_progress: Called with bytes of the archive read and in all.

    Raises:
        InputError: If the archive is damaged or cut off, holds links, devices or sparse files, or grows beyond measure.
        OSError: If a file cannot be written, or is there already.
    """
    whole = archive.stat().st_size
    room = max(_SMALL, whole * _LARGEST_RATIO)
    with archive.open("rb") as file, _named(archive), _members(file) as members:
        for member in members:
            room -= member.size
            if room < 0:
                raise InputError(f"it unpacks to over {_LARGEST_RATIO} times its size; it is not trusted")
            _write(folder / place(member.name), member)
            if on_progress is not None:
                on_progress(file.tell(), whole)
    if on_progress is not None:
        on_progress(whole, whole)


@contextmanager
def _members(file: BinaryIO) -> Iterator[Iterator[_Member]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield _zipped(archive)
    else:
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:*") as archive:
            yield _tarred(archive)


def _zipped(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for info in archive.infolist():
        name = PurePosixPath(info.filename)
        if info.external_attr >> 28 not in (0, 0o4, 0o10):  # the Unix type: none, folder, file
            raise InputError(f"{name} is a link or a device")
        if info.is_dir():
            yield _Member(name, 0)
        else:
            with archive.open(info) as content:
                yield _Member(name, info.file_size, content)


def _tarred(archive: tarfile.TarFile) -> Iterator[_Member]:
    for member in archive:
        name = PurePosixPath(member.name)
        if member.isdir():
            yield _Member(name, 0)
        elif member.issparse():
            raise InputError(f"{name} is sparse, smaller in the archive than on a disk; it is not trusted")
        elif member.isreg():
            yield _Member(name, member.size, archive.extractfile(member), member.mtime)
        else:
            raise InputError(f"{name} is a link or a device")
    _check_end(archive)


def _check_end(archive: tarfile.TarFile) -> None:
    """Read what follows the last file: a block of zeros, the end mark, and then zeros only.

    A header that is damaged, and the end of a file that was cut off, look like the end to `tarfile`. At the end of a
    compressed archive stands its checksum, which is compared as soon as that is read.
    """
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    mark = archive.fileobj.read(tarfile.BLOCKSIZE)
    if mark.strip(b"\0"):
        raise tarfile.ReadError("something follows its last file")
    if len(mark) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it is cut off")
    for _ in range(_SMALL >> 20):
        rest = archive.fileobj.read(1 << 20)
        if not rest:
            return
        if rest.strip(b"\0"):
            raise tarfile.ReadError("something follows its last file")
    raise InputError("it goes on after its last file; it is not trusted")


def _checked(name: PurePosixPath, *, top: str) -> PurePosixPath:
    parts = [part for part in name.parts if part != "."]
    if not parts or parts[0] != top or ".." in parts or any(set(part) & set("\\:\0") for part in parts):
        raise InputError(f"it holds {str(name)!r:.80}, which is not in {top}; it is another archive")
    return PurePosixPath(*parts)


def _write(path: Path, member: _Member) -> None:
    (path if member.content is None else path.parent).mkdir(parents=True, exist_ok=True)
    if member.content is not None:
        with path.open("xb") as file:
            shutil.copyfileobj(member.content, file)
    if member.time is not None:
        time = min(max(int(member.time), 0), _LATEST)
        os.utime(path, (time, time))


@contextmanager
def _named(archive: Path) -> Iterator[None]:
    """Whatever a damaged archive makes the readers raise becomes one line about it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{archive}: {error}") from error
    except (*_DAMAGES, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the file system
        raise InputError(f"{archive} is damaged: {reason(error)}; delete it and try again") from error
