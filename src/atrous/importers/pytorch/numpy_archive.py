"""Archives of NumPy (`.npz`): a tensor for each array of numbers. Arrays of objects, which are pickles, are refused."""

import io
import tokenize

import numpy as np
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.pytorch.pickle_machine import Opaque
from atrous.importers.pytorch.tensors import array_tensor
from atrous.importers.pytorch.zip_archive import ZipArchive

_ENDING = ".npy"

_NUMBERS = {
    f"{kind}{size}" for kind, sizes in (("f", "248"), ("i", "1248"), ("u", "1248"), ("b", "1")) for size in sizes
}
"""Types of numbers that PyTorch has as well: kind and bytes."""

_BAD_HEADER = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, RecursionError, SyntaxError, TypeError,
    ValueError, tokenize.TokenError,
)  # fmt: skip
"""Errors of NumPy's reader, which hands the header to Python's parser, about headers that it did not write."""


def is_numpy_archive(archive: ZipArchive) -> bool:
    """Return True if all members are arrays."""
    return bool(archive.names) and all(name.endswith(_ENDING) for name in archive.names)


def read_arrays(archive: ZipArchive) -> dict[str, Tensor | Opaque]:
    """Tensors by the names of the arrays; arrays of anything but numbers, such as text, are `Opaque`.

    Raises:
        InputError: If an array is damaged, or of Python objects.
    """
    return {name.removesuffix(_ENDING): _tensor(name, archive.unpacked(name)) for name in archive.names}


def _tensor(name: str, content: bytes) -> Tensor | Opaque:
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(stream)
    except _BAD_HEADER as error:
        raise InputError(f"{name:.80} is no array of NumPy; get the file again from its source") from error
    if dtype.hasobject:
        raise InputError(f"{name:.80} holds Python objects, which are no numbers; save the archive without it")
    if f"{dtype.kind}{dtype.itemsize}" not in _NUMBERS:
        return Opaque()
    try:
        return array_tensor(
            memoryview(content)[stream.tell() :], dtype=dtype, shape=shape, order="F" if fortran else "C"
        )
    except InputError as error:
        raise InputError(f"{name:.80}: {error}; get the file again from its source") from error
