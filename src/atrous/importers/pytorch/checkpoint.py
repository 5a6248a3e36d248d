"""`torch.save`'s two formats and plain pickles: the containers around a pickle and its storages."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from atrous.errors import InputError
from atrous.importers.pytorch.exported_program import CONFIG, OLD_WEIGHTS, member_ending, read_exported
from atrous.importers.pytorch.numpy_archive import is_numpy_archive, read_arrays
from atrous.importers.pytorch.pickle_machine import Call, Global, Persistent, read_pickle
from atrous.importers.pytorch.recognition import LONGEST_START, ZIP_START, is_pickle
from atrous.importers.pytorch.tensors import STORAGES, StorageBytes, no_storage, read_once, storage_reference
from atrous.importers.pytorch.zip_archive import ZipArchive, zip_in

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
"""Value of the first of the five pickles of a file from before PyTorch 1.6."""

LARGEST_PICKLE = 256 << 20

_CONVERT = "give the PyTorch or TensorFlow checkpoint that it was made from"

_OTHER_ARCHIVES = (
    (r"^model\.weights\.h5$", "a model of Keras 3 (.keras)", "write it as HDF5: model.save('mine.h5')"),
    (r"(^|/)coremldata\.bin$|\.mlpackage/|(^|/)Manifest\.json$", "a package of Core ML", _CONVERT),
    (r"(^|/)saved_model\.pb$", "a SavedModel of TensorFlow", _CONVERT),
    (r"(^|/)\.metadata$", "a folder of torch.distributed.checkpoint", _CONVERT),
)
"""Members of archives that other programs write, what these are, and what to do."""


class _WithinFile:
    """A file whose reads never ask for more than it has: asking is what allocates."""

    def __init__(self, file: BinaryIO, *, size: int) -> None:
        self.file, self.size = file, size

    def read(self, size: int, /) -> bytes:
        return self.file.read(min(size, max(self.size - self.file.tell(), 0)))

    def readline(self) -> bytes:
        return self.file.readline(max(self.size - self.file.tell(), 0))

    def tell(self) -> int:
        return self.file.tell()


@contextmanager
def open_checkpoint(path: Path) -> Iterator[tuple[Any, StorageBytes]]:
    """Open a checkpoint: its value, as `read_pickle` gives it, and a reader of its storages.

    Raises:
        InputError: If it is damaged, or none.
    """
    with path.open("rb") as file:
        start = file.read(LONGEST_START)
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if start.startswith(ZIP_START):
            yield _of_zip(ZipArchive(file, size=size))
        elif is_pickle(start):
            yield _pickled(file, size=size)
        else:
            raise InputError("no checkpoint of PyTorch")


def _of_zip(archive: ZipArchive) -> tuple[Any, StorageBytes]:
    """Tensors of any zip archive that holds them by name."""
    if is_numpy_archive(archive):
        return read_arrays(archive), no_storage
    if config := member_ending(archive, CONFIG):
        return read_exported(archive, config), no_storage
    if weights := member_ending(archive, OLD_WEIGHTS):
        return _zipped(zip_in(archive.stored(weights, most=archive.size)))
    return _zipped(archive)


def _zipped(archive: ZipArchive) -> tuple[Any, StorageBytes]:
    """PyTorch 1.6 and newer, and programs of TorchScript: `NAME/data.pkl` and `NAME/data/KEY`, none compressed."""
    roots = [name.removesuffix("data.pkl") for name in archive.names if re.fullmatch(r"[^/]+/data\.pkl", name)]
    if len(roots) != 1:
        raise InputError(_other_archive(archive))
    (root,) = roots
    if f"{root}byteorder" in archive.names and archive.stored(f"{root}byteorder", most=16) != b"little":
        raise InputError("saved on a machine of the other byte order; load and save it again on a common one")
    value = read_pickle(io.BytesIO(archive.stored(f"{root}data.pkl", most=LARGEST_PICKLE)))
    return value, read_once(lambda key: archive.stored(f"{root}data/{key}", most=archive.size))


def _other_archive(archive: ZipArchive) -> str:
    """Say what a zip archive is that torch.save did not write."""
    for pattern, kind, remedy in _OTHER_ARCHIVES:
        if any(re.search(pattern, name) for name in archive.names):
            return f"{kind}; {remedy}"
    return "a zip archive, but not one that torch.save wrote; unpack it first if it holds a file of weights"


def _pickled(file: BinaryIO, *, size: int) -> tuple[Any, StorageBytes]:
    """Before PyTorch 1.6: magic, version, system, the value, the storages' keys, then the storages; or one pickle."""
    stream = _WithinFile(file, size=size)
    first = read_pickle(stream)
    if first != LEGACY_MAGIC:
        return first, no_storage
    version, system, value, keys = (read_pickle(stream) for _ in range(4))
    if version != 1001 or (isinstance(system, dict) and system.get("little_endian") is False):
        raise InputError("saved by a version of PyTorch, or on a machine, whose files are not known here")
    widths = dict(_storage_widths(value))
    places: dict[str, tuple[int, int]] = {}
    for key in keys if isinstance(keys, list) else []:
        count, place = int.from_bytes(stream.read(8), "little"), file.tell()
        width = widths.get(key) if isinstance(key, str) else None
        if width is None or count * width > size - place:
            raise InputError("its storages do not fit its tensors: damaged; get it again from its source")
        places[key] = (place, count * width)
        file.seek(count * width, io.SEEK_CUR)

    def storage(key: str) -> bytes:
        if key not in places:
            raise InputError(f"storage {key:.40} is missing; get it again from its source")
        place, length = places[key]
        file.seek(place)
        return file.read(length)

    return value, read_once(storage)


def _storage_widths(value: Any) -> Iterator[tuple[str, int]]:
    """Pairs (key, bytes per number) of every storage that a value mentions."""
    waiting, seen = [value], set()
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        match item:
            case Persistent():
                match storage_reference(item):
                    case Persistent(("storage", Global(_, name), str() as key, *_)) if name in STORAGES:
                        yield key, STORAGES[name].itemsize
            case dict():
                waiting.extend(item.values())
            case list() | tuple():
                waiting.extend(item)
            case Call():
                waiting.extend((*item.arguments, item.state))
