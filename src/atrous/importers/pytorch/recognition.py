"""Recognition of checkpoints of PyTorch, of safetensors files, alone or in a folder, and of ONNX models."""

import re
from pathlib import Path

from atrous.errors import InputError
from atrous.importers.file_head import FileHead

ZIP_START, PICKLE_STARTS = b"PK\x03\x04", tuple(bytes((0x80, protocol)) for protocol in range(2, 6))

_OLD_PICKLE = re.compile(
    rb"L119547037146038801333356L\n"
    rb"|[(](d|l)p?\d*\n|[(]d[pqUXVS]"
    rb"|[}\]]q.[(]"
    rb"|c[\w.]+\n\w+\n",
    re.DOTALL,
)
"""Beginning of pickles of protocols 0 and 1, which have no mark: a dict, a list, or the name of a class."""

LONGEST_START = 128
"""Bytes from which a pickle is recognised."""

_ONNX_FIELDS = (0x12, 0x1A, 0x22, 0x3A, 0x42)
"""Tags of producer, its version, domain, graph and operator sets (onnx.proto, ModelProto)."""

_FIRST_ONNX = 3
"""Version of ONNX 1.0; a SavedModel of TensorFlow begins alike, with the version 1."""

INDEX_ENDING = ".index.json"
WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names that Hugging Face gives to files of weights, in the order of preference; beside them is `config.json`."""


def recognises(head: FileHead) -> bool:
    """Return True for a checkpoint, a safetensors file, a folder as Hugging Face writes it, or an ONNX model."""
    if head.is_folder:
        return _weights_in(head.path) is not None
    if head.path.name.endswith(INDEX_ENDING):
        return b'"weight_map"' in head.start or b'"metadata"' in head.start
    return (
        head.start.startswith(ZIP_START) or is_pickle(head.start) or is_safetensors(head.start) or is_onnx(head.start)
    )


def is_pickle(start: bytes) -> bool:
    """Return True if a file that starts with these bytes is a pickle of any protocol."""
    return start.startswith(PICKLE_STARTS) or _OLD_PICKLE.match(start) is not None


def is_safetensors(start: bytes) -> bool:
    """Return True if a file that starts with these bytes is a safetensors file."""
    return start[8:9] == b"{"


def is_onnx(start: bytes) -> bool:
    """Return True if a file starts with a version of ONNX and one of the fields that follow it."""
    return len(start) > 2 and start[0] == 0x08 and _FIRST_ONNX <= start[1] < 100 and start[2] in _ONNX_FIELDS


def files_of(head: FileHead) -> tuple[Path, ...]:
    """The file that holds the weights, or the index of several and these."""
    file = weights_file(head.path)
    if not file.name.endswith(INDEX_ENDING):
        return (file,)
    shards = file.parent.glob(file.name.removesuffix(INDEX_ENDING).replace(".", "-*-of-*."))
    return (file, *sorted(shards))


def weights_file(path: Path) -> Path:
    """The file itself, or the file of weights in a folder.

    Raises:
        InputError: If a folder has none.
    """
    file = _weights_in(path) if path.is_dir() else path
    if file is None:
        raise InputError(f"{path} is a folder without {' or '.join(WEIGHTS_FILES)}")
    return file


def _weights_in(folder: Path) -> Path | None:
    names = (*WEIGHTS_FILES, *(f"{name}{INDEX_ENDING}" for name in WEIGHTS_FILES))
    return next((folder / name for name in names if (folder / name).is_file()), None)
