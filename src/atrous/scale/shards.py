"""Data sets that lie in tar files, the shards of object storage, unpacked once and then read as folders.

A few files of hundreds of megabytes are listed and fetched much more quickly than hundreds of thousands of small ones.
"""

import json
import logging
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

from atrous.errors import InputError, reason
from atrous.files import atomic_path

_LOGGER = logging.getLogger(__name__)

SUFFIX = ".tar"

_LATEST = 2**33
"""Latest time in seconds that an unpacked file may have; later ones are no times."""


def is_file_path(name: str) -> bool:
    """Return True if a name is a relative path of a file that stays in its folder on every system."""
    return not ("\\" in name or "\0" in name or any(part in ("", ".", "..") for part in name.split("/")))


def unpacked(folder: Path, target: Path) -> Path:
    """Unpack the tar files that lie in a folder, or return the folder itself where there are none.

    What lies beside the tar files, such as `schema.toml`, is copied. What was unpacked before is kept as long as all
    files have the sizes and times they had then. Unpacked files keep the times that the tar files state.

    Args:
        folder: Folder whose tar files together hold a data set.
        target: Folder to unpack to; what is in it is replaced.

    Raises:
        InputError: If a tar file is damaged or cut off, holds links, devices or names that are no paths, states more
            bytes than it has, if two hold files of one name, or if the disk has no room.
    """
    shards = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())
    if not shards:
        return folder
    others = sorted(path for path in folder.rglob("*") if path.is_file() and path not in shards)
    state = [[path.relative_to(folder).as_posix(), *_size_and_time(path)] for path in [*shards, *others]]
    record = target.with_name(f".{target.name}.json")
    if target.is_dir() and _unpacked_before(record) == state:
        return target
    size = sum(path.stat().st_size for path in shards)
    _check_space(size, folder)
    _LOGGER.warning("unpacking %d tar files (%.0f MiB) of %s to %s", len(shards), size / 2**20, folder, target)
    part = target.with_name(f".{target.name}.part")
    for old in (part, target):
        shutil.rmtree(old, ignore_errors=True)
    record.unlink(missing_ok=True)
    for path in others:
        copy = part / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    try:
        for shard in shards:
            _unpack(shard, part)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    with atomic_path(record) as temporary:
        temporary.write_text(json.dumps(state))
    return target


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _unpacked_before(record: Path) -> object:
    try:
        return json.loads(record.read_text())
    except (OSError, ValueError):
        return None


def _check_space(size: int, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if size + 2**30 > free:
        raise InputError(
            f"the tar files of {folder} need {size / 2**30:.1f} GiB more on this disk, which has "
            f"{free / 2**30:.1f} GiB free; set ATROUS_HOME to a folder on a larger one"
        )


def _unpack(shard: Path, folder: Path) -> None:
    """Write the files of a tar file; raises InputError at the first that is none, or that is there already."""
    try:
        with tarfile.open(shard, "r:") as archive:
            for member, name in _files(archive, shard):
                _write(archive, member, folder / name, shard=shard)
            end = archive.offset
    except InputError:
        raise
    except (tarfile.TarError, EOFError, ValueError, OverflowError, MemoryError) as error:
        raise InputError(f"{shard} is damaged ({reason(error)}); copy or write it again") from error
    # `tarfile` takes a header that it cannot read for the end of the file.
    with shard.open("rb") as file:
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise InputError(f"{shard} is cut off or damaged after {end} bytes; copy or write it again")


def _files(archive: tarfile.TarFile, shard: Path) -> Iterator[tuple[tarfile.TarInfo, str]]:
    """Yield the regular files of a tar file with their paths; raises InputError at everything else but folders."""
    left = shard.stat().st_size
    for member in archive:
        if member.isdir():
            continue
        name = member.name.removeprefix("./")
        if not member.isreg() or member.issparse():
            raise InputError(
                f"{shard}: {name!r:.80} is a link, a device or sparse; put files themselves into the tar file"
            )
        if not is_file_path(name):
            raise InputError(
                f"{shard}: {name!r:.80} is no path below a folder; write the tar file from inside the data set"
            )
        left -= member.size
        if member.size < 0 or left < 0:
            raise InputError(f"{shard} is damaged: {name!r:.80} states {member.size} bytes; copy or write it again")
        yield member, name


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, file: Path, *, shard: Path) -> None:
    source = archive.extractfile(member)
    assert source is not None, "a regular file"
    try:
        twice = file.exists()
        if not twice:
            file.parent.mkdir(parents=True, exist_ok=True)
            with source, file.open("xb") as copy:
                shutil.copyfileobj(source, copy)
    except OSError as error:
        raise InputError(f"cannot unpack {member.name!r:.80} of {shard}: {error.strerror or error}") from error
    if twice:
        raise InputError(f"{shard} holds {member.name!r:.80}, which came before; each file may lie in one tar file")
    time = min(max(int(member.mtime), 0), _LATEST)
    os.utime(file, (time, time))
