"""The kinds of foreign files that can be read: one table, asked from the first row to the last.

Recognising a file needs its first and last bytes alone. What reads a kind is imported when such a file is met.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from atrous.errors import InputError
from atrous.importers.coreml import recognition as coreml
from atrous.importers.file_head import FileHead
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.keras import recognition as keras
from atrous.importers.one_class import two_classes
from atrous.importers.overrides import NO_OVERRIDES, Overrides, with_rates_of
from atrous.importers.pytorch import recognition as pytorch
from atrous.importers.tensorflow import recognition as tensorflow
from atrous.importers.tflite import recognition as tflite
from atrous.importers.unreadable import unreadable


@dataclass(frozen=True)
class Reader:
    """One kind of file.

    Attributes:
        recognises: Returns True if a file is of this kind.
        read: Reads the network; the key says which one where a checkpoint has several.
        files: Lists the files that hold its weights.
    """

    recognises: Callable[[FileHead], bool]
    read: Callable[[FileHead, str | None], ForeignNetwork]
    files: Callable[[FileHead], tuple[Path, ...]] = lambda head: (head.path,)


def _refuse_key(head: FileHead, key: str | None) -> None:
    if key is not None:
        raise InputError(f"{head.path} has no keys; --key chooses among the state dicts of a PyTorch checkpoint")


def _read_tensorflow(head: FileHead, key: str | None) -> ForeignNetwork:
    _refuse_key(head, key)
    from atrous.importers.tensorflow.read import read_tensorflow

    return read_tensorflow(head.path)


def _read_tflite(head: FileHead, key: str | None) -> ForeignNetwork:
    _refuse_key(head, key)
    from atrous.importers.tflite.read import read_tflite

    return read_tflite(head.path)


def _read_coreml(head: FileHead, key: str | None) -> ForeignNetwork:
    _refuse_key(head, key)
    from atrous.importers.coreml.read import read_coreml

    return read_coreml(head.path)


def _read_keras(head: FileHead, key: str | None) -> ForeignNetwork:
    _refuse_key(head, key)
    from atrous.importers.keras.read import read_keras_network

    return read_keras_network(head.path)


def _read_checkpoint(head: FileHead, key: str | None) -> ForeignNetwork:
    from atrous.importers.projects.read import read_torch

    return read_torch(head.path, key=key)


READERS = (
    Reader(tensorflow.recognises, _read_tensorflow, tensorflow.files_of),
    Reader(tflite.recognises, _read_tflite),
    Reader(coreml.recognises, _read_coreml),
    Reader(keras.recognises, _read_keras),
    Reader(pytorch.recognises, _read_checkpoint, pytorch.files_of),
)


def is_readable(head: FileHead) -> bool:
    """Return True if one of the readers recognises a file, folder or common beginning of names."""
    return any(reader.recognises(head) for reader in READERS)


def read_foreign(head: FileHead, overrides: Overrides = NO_OVERRIDES) -> ForeignNetwork:
    """Read the network of another project's file; one of a single class, by its sigmoid, becomes one of two.

    Args:
        head: Beginning of the file.
        overrides: Settings that the user states.

    Raises:
        InputError: If the file is of no kind that can be read, is damaged, or holds a network that is not built here;
            the message says which and why.
    """
    network = two_classes(_reader(head).read(head, overrides.key))
    try:
        config = overrides.applied(network.config)
        fixed = network.rates_at_any_stride and "output_stride" in network.assumed and overrides.rates is None
        config = with_rates_of(config, network.config) if fixed else config
    except InputError as error:
        raise InputError(f"{head.path}: {error}") from error
    assumed = tuple(name for name in network.assumed if name not in overrides.stated())
    if fixed and config.head != network.config.head and "rates" not in assumed:
        assumed += ("rates",)
    return replace(network, config=config, assumed=assumed)


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
