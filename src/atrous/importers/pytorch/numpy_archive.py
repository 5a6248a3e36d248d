"""Archives of NumPy (`.npz`): a tensor for each array. Arrays of objects, which are pickles, are refused."""

import io
from math import prod

import numpy as np
import torch
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.pytorch.zip_archive import ZipArchive

_ENDING = ".npy"
_MOST_DIMENSIONS = 8
_KINDS = "fiub"


def is_numpy_archive(archive: ZipArchive) -> bool:
    """Return True if all members are arrays."""
    return bool(archive.names) and all(name.endswith(_ENDING) for name in archive.names)


def read_arrays(archive: ZipArchive) -> dict[str, Tensor]:
    """Tensors by the names of the arrays; those of numbers that are no weights are left out.

    Raises:
        InputError: If an array is damaged, or of Python objects.
    """
    return {name.removesuffix(_ENDING): _tensor(name, archive.unpacked(name)) for name in archive.names}


def _tensor(name: str, content: bytes) -> Tensor:
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(stream)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, EOFError) as error:
        raise InputError(f"{name:.80} is no array of NumPy; get the file again from its source") from error
    if dtype.kind not in _KINDS or not dtype.isnative:
        raise InputError(f"{name:.80} holds {dtype!s:.40}, which is no number that weights have")
    rest = content[stream.tell() :]
    if len(shape) > _MOST_DIMENSIONS or prod(shape) * dtype.itemsize != len(rest):
        raise InputError(f"{name:.80} of shape {shape!s:.80} has {len(rest)} bytes; get the file again from its source")
    array = np.frombuffer(bytearray(rest), dtype=dtype).reshape(shape, order="F" if fortran else "C")
    try:
        return torch.from_numpy(np.ascontiguousarray(array)).reshape(shape)
    except TypeError as error:
        raise InputError(f"{name:.80} holds {dtype!s:.40}, which is no number that weights have") from error
