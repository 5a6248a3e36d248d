"""Data sets that lie in tar files, the shards of object storage, unpacked once and then read as folders.

A few files of hundreds of megabytes are listed and fetched much more quickly than hundreds of thousands of small ones.
"""

import json
import logging
import shutil
from pathlib import Path, PurePosixPath

from atrous.data.published.extract import unpack
from atrous.errors import InputError
from atrous.files import atomic_path

_LOGGER = logging.getLogger(__name__)

SUFFIX = ".tar"

_SPARE_BYTES = 2**30
"""Free bytes that copies leave on the disk."""


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
    check_room(size, folder, name=f"what the tar files of {folder} hold")
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


def _unpack(shard: Path, folder: Path) -> None:
    try:
        unpack(shard, folder, place=_place)
    except FileExistsError as error:
        name = Path(error.filename).relative_to(folder)
        raise InputError(f"{shard} holds {str(name)!r:.80}, which came before; each may lie in one tar file") from error
    except OSError as error:
        raise InputError(f"cannot unpack {shard}: {error.strerror or error}") from error


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _unpacked_before(record: Path) -> object:
    try:
        return json.loads(record.read_text())
    except (OSError, ValueError):
        return None


def check_room(size: int, folder: Path, *, name: object) -> None:
    """Raise InputError if a disk has no room for `size` bytes of what `name` says, and a gigabyte beside them."""
    free = shutil.disk_usage(folder).free
    if size and size + _SPARE_BYTES > free:
        raise InputError(
            f"{name} needs {size / 2**30:.1f} GiB on this disk, which has {free / 2**30:.1f} GiB free; "
            "set ATROUS_HOME to a folder on a larger one"
        )


def _place(name: PurePosixPath) -> PurePosixPath:
    if name.parts and not is_file_path(str(name)):
        raise InputError(f"{str(name)!r:.80} is no path below a folder; write the tar file from inside the data set")
    return name
