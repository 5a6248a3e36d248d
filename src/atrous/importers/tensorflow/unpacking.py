"""The files of weights out of an official `.tar.gz`, whatever else it is made to hold.

Members are written under the last part of their names into a folder of ours, so that none can lead out of it; links are
refused, and neither the archive nor what it says of itself can fill memory or disk.
"""

import gzip
import io
import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from atrous.errors import InputError
from atrous.importers.mapped_file import LARGEST_FILE
from atrous.importers.tensorflow.recognition import is_weights_name

_LARGEST_CONTENTS = 2 * LARGEST_FILE
_LARGEST_READ = 16 << 20  # bytes; tarfile reads long names at once, file contents in parts
_MOST_MEMBERS = 1000


def unpack(path: Path, folder: Path) -> None:
    """Write the files of weights in an archive into a folder.

    Raises:
        InputError: If it is damaged, too large, or has links or two files of a name among them.
        OSError: If it cannot be read, or the folder cannot be written.
    """
    try:
        with path.open("rb") as file, _Bounded(fileobj=file) as plain, tarfile.open(fileobj=plain, mode="r:") as tar:
            _extract(tar, folder)
            while plain.read(_LARGEST_READ):  # to the end, where the checksum of the whole stands
                pass
    except InputError:
        raise
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError, OverflowError) as error:
        raise InputError(f"damaged archive ({error!s:.100}); get it again from its source") from error
    except OSError as error:
        why = f"cannot unpack it below {folder.parent} ({error.strerror or error}); TMPDIR names another place"
        raise OSError(error.errno, why) from error


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    for number, member in enumerate(tar):
        if number >= _MOST_MEMBERS:
            raise InputError(f"more than {_MOST_MEMBERS} files; an official archive has five")
        name = PurePosixPath(member.name).name
        if not is_weights_name(name) or member.isdir():
            continue
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None:
            raise InputError(f"{name:.80} is a link or no plain file")
        if member.size > LARGEST_FILE:
            raise InputError(f"{name:.80} has {member.size} bytes, more than any official file")
        source = tar.extractfile(member)
        assert source is not None
        try:
            with (folder / name).open("xb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except FileExistsError as error:
            raise InputError(f"two files are called {name:.80}") from error


class _Bounded(gzip.GzipFile):
    """Plain bytes, neither too many nor too many at once."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _LARGEST_READ or self.tell() + size > _LARGEST_CONTENTS:
            raise InputError("it unpacks to more than any official archive")
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == io.SEEK_END or offset > _LARGEST_CONTENTS:
            raise InputError("it unpacks to more than any official archive")
        return super().seek(offset, whence)
