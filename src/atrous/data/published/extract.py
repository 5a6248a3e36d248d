"""Archives of data sets, unpacked whole or not at all, and never outside of their folder."""

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol, runtime_checkable
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

Member = tuple[PurePosixPath, int, ArchiveContent | None]
"""Name, size and content of a file in an archive; no content: a folder."""


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
    whole = archive.stat().st_size
    room = max(_SMALL, whole * _LARGEST_RATIO)
    staging = folder / f".{top}.{uuid4().hex[:8]}.part"
    try:
        staging.mkdir(parents=True)
        with archive.open("rb") as file, _named(archive), _members(file) as members:
            for name, size, content in members:
                room -= size
                if room < 0:
                    raise InputError(f"{archive} unpacks to over {_LARGEST_RATIO} times its size; it is not trusted")
                _write(staging / _checked(name, top=top, archive=archive), content)
                if on_progress is not None:
                    on_progress(file.tell(), whole)
        if on_progress is not None:
            on_progress(whole, whole)
        (staging / top).rename(target)
    except OSError as error:
        raise InputError(f"cannot unpack {archive} into {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


@contextmanager
def _members(file: BinaryIO) -> Iterator[Iterator[Member]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            yield _zipped(archive)
    else:
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:*") as archive:
            yield _tarred(archive)


def _zipped(archive: zipfile.ZipFile) -> Iterator[Member]:
    for info in archive.infolist():
        name = PurePosixPath(info.filename)
        if info.external_attr >> 28 not in (0, 0o4, 0o10):  # the Unix type: none, folder, file
            raise InputError(f"{name} is a link or a device")
        if info.is_dir():
            yield name, 0, None
        else:
            with archive.open(info) as content:
                yield name, info.file_size, content


def _tarred(archive: tarfile.TarFile) -> Iterator[Member]:
    for member in archive:
        name = PurePosixPath(member.name)
        if member.isdir():
            yield name, 0, None
        elif member.isreg():
            yield name, member.size, archive.extractfile(member)
        else:
            raise InputError(f"{name} is a link or a device")
    _check_end(archive)


def _check_end(archive: tarfile.TarFile) -> None:
    """Read what follows the last file: there stands the checksum of a compressed archive; otherwise only zeros may.

    A header that is damaged looks like the end to `tarfile`.
    """
    assert archive.fileobj is not None
    for _ in range(_SMALL >> 20):
        rest = archive.fileobj.read(1 << 20)
        if not rest:
            return
        if rest.strip(b"\0"):
            raise tarfile.ReadError("something follows its last file")
    raise InputError("it goes on after its last file; it is not trusted")


def _checked(name: PurePosixPath, *, top: str, archive: Path) -> PurePosixPath:
    parts = [part for part in name.parts if part != "."]
    if not parts or parts[0] != top or ".." in parts or any(set(part) & set("\\:\0") for part in parts):
        raise InputError(f"{archive} holds {str(name)!r:.80}, which is not in {top}; it is another archive")
    return PurePosixPath(*parts)


def _write(path: Path, content: ArchiveContent | None) -> None:
    (path if content is None else path.parent).mkdir(parents=True, exist_ok=True)
    if content is not None:
        with path.open("xb") as file:
            shutil.copyfileobj(content, file)


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
