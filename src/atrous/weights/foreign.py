"""Files of other projects: which they are, told by their contents, and what they hold."""

import hashlib
from pathlib import Path

from atrous.errors import InputError
from atrous.importers.coreml.read import is_coreml, read_coreml
from atrous.importers.foreign_network import ForeignNetwork
from atrous.importers.projects.read import read_torch
from atrous.importers.pytorch.state_dict import is_torch_file, weights_file
from atrous.importers.tensorflow.read import read_tensorflow
from atrous.importers.tensorflow.recognition import files_of, is_tensorflow
from atrous.weights import archive


def is_foreign(path: Path) -> bool:
    """Whether `read_foreign` is to be asked: the file looks like another project's, not like an archive or a `.tflite`.

    Raises:
        InputError: If it cannot be read.
    """
    if is_tensorflow(path) or is_coreml(path):
        return True
    try:
        return is_torch_file(path) and not archive.is_archive(weights_file(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_foreign(path: Path) -> ForeignNetwork:
    """What another project's file holds.

    Raises:
        InputError: If it is damaged, or holds a network that is not built here; the message says which and why.
    """
    if is_tensorflow(path):
        return read_tensorflow(path)
    return read_coreml(path) if is_coreml(path) else read_torch(path)


def file_sha256(path: Path) -> str:
    """Of a file of weights, or of the one in a folder; of a TensorFlow checkpoint of several files, of all in order.

    Raises:
        InputError: If it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for part in files_of(path) if is_tensorflow(path) else (weights_file(path),):
            with part.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return digest.hexdigest()
