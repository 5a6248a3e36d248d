"""Files of other projects: which they are, told by their contents, and what they hold."""

import hashlib
from pathlib import Path

from atrous.errors import InputError
from atrous.weights import archive
from atrous.weights.peers.read import read_torch
from atrous.weights.source import Source
from atrous.weights.torch_files.state_dict import is_torch_file, weights_file


def is_foreign(path: Path) -> bool:
    """Whether `read_foreign` is to be asked: the file looks like another project's, not like an archive or a `.tflite`.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return is_torch_file(path) and not archive.is_archive(weights_file(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def read_foreign(path: Path) -> Source:
    """What another project's file holds.

    Raises:
        InputError: If it is damaged, or holds a network that is not built here; the message says which and why.
    """
    return read_torch(path)


def file_sha256(path: Path) -> str:
    """Of a file of weights, or of the one in a folder."""
    with weights_file(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
