"""The kinds of foreign files that can be read: one table, asked from the first row to the last.

Recognising a file needs its first and last bytes alone. What reads a kind is imported when such a file is met.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from atrous.errors import InputError
from atrous.importers.coreml import recognition as coreml
from atrous.importers.file_head import FileHead
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.pytorch import recognition as pytorch
from atrous.importers.tensorflow import recognition as tensorflow
from atrous.importers.tflite import recognition as tflite
from atrous.importers.unreadable import unreadable


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes:
        recognises: Returns True if a file is of this kind.
        read: Reads the network.
        files: Lists the files that hold its weights.
    """

    recognises: Callable[[FileHead], bool]
    read: Callable[[FileHead], ForeignNetwork]
    files: Callable[[FileHead], tuple[Path, ...]] = lambda head: (head.path,)


def _read_tensorflow(head: FileHead) -> ForeignNetwork:
    from atrous.importers.tensorflow.read import read_tensorflow

    return read_tensorflow(head.path)


def _read_tflite(head: FileHead) -> ForeignNetwork:
    from atrous.importers.tflite.read import read_tflite

    return read_tflite(head.path)


def _read_coreml(head: FileHead) -> ForeignNetwork:
    from atrous.importers.coreml.read import read_coreml

    return read_coreml(head.path)


def _read_checkpoint(head: FileHead) -> ForeignNetwork:
    from atrous.importers.projects.read import read_torch

    return read_torch(head.path)


READERS = (
    Reader(tensorflow.recognises, _read_tensorflow, tensorflow.files_of),
    Reader(tflite.recognises, _read_tflite),
    Reader(coreml.recognises, _read_coreml),
    Reader(pytorch.recognises, _read_checkpoint, pytorch.files_of),
)


def is_readable(head: FileHead) -> bool:
    """Return True if one of the readers recognises a file, folder or common beginning of names."""
    return any(reader.recognises(head) for reader in READERS)


def read_foreign(head: FileHead) -> ForeignNetwork:
    """Read the network of another project's file.

    Raises:
        InputError: If the file is of no kind that can be read, is damaged, or holds a network that is not built here;
            the message says which and why.
    """
    return _reader(head).read(head)


def weights_sha256(head: FileHead) -> str:
    """Sha256 of the file that holds the weights; of a checkpoint of several files, of all of them in order.

    Raises:
        InputError: If a file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for path in _reader(head).files(head):
            with path.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
    except OSError as error:
        raise InputError(f"cannot read {head.path}: {error.strerror or error}") from error
    return digest.hexdigest()


def _reader(head: FileHead) -> Reader:
    for reader in READERS:
        if reader.recognises(head):
            return reader
    if not head.is_file and not head.is_folder:
        raise InputError(f"cannot read {head.path}: No such file or directory")
    raise InputError(f"{head.path}: {unreadable(head)}")
