"""Recognition of checkpoints of PyTorch and of safetensors files, alone or in a folder."""

from pathlib import Path

from atrous.errors import InputError
from atrous.importers.file_head import FileHead

ZIP_START, PICKLE_STARTS = b"PK\x03\x04", tuple(bytes((0x80, protocol)) for protocol in range(2, 6))

WEIGHTS_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names that Hugging Face gives to files of weights, in the order of preference; beside them lies `config.json`."""


def recognises(head: FileHead) -> bool:
    """Return True for a checkpoint, a safetensors file, or a folder as Hugging Face writes it."""
    if head.is_folder:
        return _weights_in(head.path) is not None
    return head.start.startswith((ZIP_START, *PICKLE_STARTS)) or is_safetensors(head.start)


def is_safetensors(start: bytes) -> bool:
    """Return True if a file that starts with these bytes is a safetensors file."""
    return start[8:9] == b"{"


def files_of(head: FileHead) -> tuple[Path, ...]:
    """The file that holds the weights."""
    return (weights_file(head.path),)


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
    return next((folder / name for name in WEIGHTS_FILES if (folder / name).is_file()), None)
