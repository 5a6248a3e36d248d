"""Notes of PyTorch's and NumPy's rebuilding functions to tensors, each checked against the bytes that are there."""

import re
import sys
from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.pytorch.pickle_machine import Call, Global, Persistent

MOST_DIMENSIONS = 8

MOST_WRAPPED = 4
"""Rebuilding functions that a tensor may be an argument of, one within the other."""

STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}

_NUMPY = ("f2", "f4", "f8", "i8", "i4", "i2", "i1", "u1", "b1")

_PROTOCOL_0 = re.compile(
    r"\('storage', <class 'torch\.(?P<kind>\w+)'>, '(?P<key>[^']{1,40})', '[^']*', (?P<count>\d{1,18})(, None)?\)"
)
"""Reference to a storage as the oldest protocol of pickles writes it: as text."""

StorageBytes = Callable[[str], UInt8[Tensor, "n"]]
"""The bytes of a storage by its key; equal keys give the same memory."""


def read_once(read: Callable[[str], bytes]) -> StorageBytes:
    """Every storage read once, however many tensors look at it; into memory that may be written to."""
    return cache(lambda key: _bytes_vector(read(key)))


def no_storage(key: str) -> Tensor:
    """The storages of a file that has none; raises InputError."""
    raise InputError(f"there is no storage {key:.40} of a tensor; give the whole file that torch.save wrote")


def as_tensor(value: Any, *, storage: StorageBytes, wrapped: int = 0) -> Tensor | None:
    """The tensor that a value of a pickle stands for, or None if it stands for none.

    Args:
        value: A tensor, the note of a rebuilding function, or anything else.
        storage: Gives the bytes of a storage.
        wrapped: Number of rebuilding functions that the value is an argument of.

    Raises:
        InputError: If it does not fit its storage, or is wrapped more often than PyTorch does.
    """
    if wrapped > MOST_WRAPPED:
        raise InputError(f"a tensor within more than {MOST_WRAPPED} rebuilding functions, as PyTorch writes none")
    match value:
        case Tensor():
            return value
        case Call(
            Global("torch._tensor", "_rebuild_from_type_v2"), (Global() as function, _, tuple() as arguments, *_)
        ):
            return as_tensor(Call(function, arguments), storage=storage, wrapped=wrapped + 1)
        case Call(Global("torch._utils", "_rebuild_device_tensor_from_numpy"), (Call() as array, *_)):
            return as_tensor(array, storage=storage, wrapped=wrapped + 1)
        case Call(Global("builtins" | "__builtin__", "tuple"), ((str(), Call() as array),)):  # Paddle: name and array
            return as_tensor(array, storage=storage, wrapped=wrapped + 1)
        case Call(Global("torch._utils", "_rebuild_tensor_v2" | "_rebuild_tensor"), (kept, offset, size, stride, *_)):
            return strided(_stored(kept, storage=storage), offset=offset, size=size, stride=stride)
        case Call(
            Global("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state"), (Call() as tensor, *_)
        ) if isinstance(tensor.callee, Global) and tensor.callee.name.startswith("_rebuild_tensor"):
            return as_tensor(tensor, storage=storage, wrapped=wrapped + 1)
        case Call(Global("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct")):
            match value.state:
                case (int(), shape, kind, bool() as fortran, data):
                    return _from_numpy(data, kind, shape, order="F" if fortran else "C")
            raise InputError("an array of NumPy in a form that is not known")
        case Call(Global("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer"), (data, kind, shape, order)):
            return _from_numpy(data, kind, shape, order="F" if order == "F" else "C")
    return None


def storage_reference(kept: Any) -> Any:
    """A reference to a storage as newer protocols of pickles write it; any other value is returned as it is."""
    text = kept.key if isinstance(kept, Persistent) else None
    written = _PROTOCOL_0.fullmatch(text) if isinstance(text, str) else None
    if written is None:
        return kept
    return Persistent(("storage", Global("torch", written["kind"]), written["key"], "cpu", int(written["count"])))


def _stored(kept: Any, *, storage: StorageBytes) -> Tensor:
    """A storage as a vector."""
    match storage_reference(kept):
        case Persistent(("storage", Global(_, name), str() as key, _, int() as count, *view)) if name in STORAGES:
            if view and view[0] is not None:
                raise InputError(
                    "it has views of storages, as PyTorch wrote before 0.4; save it again with a newer one"
                )
            dtype, content = STORAGES[name], storage(key)
            if not _is_count(count) or count * dtype.itemsize > len(content):
                raise InputError(f"storage {key:.40} has {len(content)} bytes where {count} numbers are announced")
            return content[: count * dtype.itemsize].view(dtype)
        case Persistent(("storage", Global(module, name), *_)):
            raise InputError(f"tensors of type {module:.40}.{name:.40} cannot be read")
        case Call(Global("torch.storage", "_load_from_bytes")):
            raise InputError(
                "its storages are pickles of their own, as pickle.dump and joblib write tensors; where the file is "
                "trusted, load it there and write it again with torch.save(model.state_dict(), FILE)"
            )
    raise InputError("a tensor without a storage; write it again with torch.save(model.state_dict(), FILE)")


def strided(vector: Tensor, *, offset: Any, size: Any, stride: Any) -> Tensor:
    """A view of a vector that has no element outside and no more elements than the vector."""
    whole = isinstance(size, tuple) and isinstance(stride, tuple) and len(size) == len(stride) <= MOST_DIMENSIONS
    if not whole or not all(map(_is_count, (offset, *size, *stride))):
        raise InputError("a tensor whose offset, size and stride are no numbers, negative, or beyond any memory")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if 0 in size:
        return vector.new_empty(0)
    if last < len(vector) < prod(size):
        raise InputError(
            f"a tensor of size {size} does not fit its storage of {len(vector)} numbers, because it repeats them, as "
            "expand() does; save clones of the tensors"
        )
    if last >= len(vector):
        raise InputError(f"a tensor of size {size} does not fit its storage of {len(vector)} numbers")
    return vector.as_strided(size, stride, offset)


def _is_count(number: Any) -> bool:
    """Return True if a number can be a size, stride or offset: an int that PyTorch and NumPy can hold."""
    return type(number) is int and 0 <= number < 1 << 63


def _from_numpy(data: Any, kind: Any, shape: Any, *, order: Literal["C", "F"]) -> Tensor:
    """An array from what a pickle says of its bytes, type and shape."""
    return array_tensor(_bytes(data), dtype=_dtype(kind), shape=shape, order=order)


def array_tensor(content: bytes | memoryview, *, dtype: np.dtype, shape: Any, order: Literal["C", "F"]) -> Tensor:
    """A tensor of the bytes of an array of NumPy.

    Args:
        content: The bytes; they are copied.
        dtype: Type of its numbers, of either byte order, which PyTorch has as well.
        shape: Its shape, which is not trusted.
        order: "C" if the last index varies fastest, "F" if the first does.

    Raises:
        InputError: If the shape is impossible, or does not fit the bytes.
    """
    if not isinstance(shape, tuple) or len(shape) > MOST_DIMENSIONS:
        raise InputError("an array of NumPy without a shape")
    lengths = list(shape)
    if not all(map(_is_count, lengths)):
        raise InputError("an array of NumPy whose shape is no shape")
    if prod(lengths) * dtype.itemsize != len(content):
        raise InputError(f"an array of NumPy of shape {lengths} has {len(content)} bytes")
    try:
        array = np.frombuffer(bytearray(content), dtype=dtype).reshape(lengths, order=order)
    except ValueError as error:  # of no elements, and yet beyond any memory
        raise InputError(f"an array of NumPy of shape {lengths} is impossible") from error
    return torch.from_numpy(np.ascontiguousarray(array, dtype=dtype.newbyteorder("="))).reshape(lengths)


def _bytes_vector(content: bytes) -> UInt8[Tensor, "n"]:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)


def _dtype(kind: Any) -> np.dtype:
    match kind:
        case Call(Global("numpy", "dtype"), (str() as code, *_), (_, "<" | "|" | "=", *_)) if code in _NUMPY:
            return np.dtype(code)
    raise InputError("an array of NumPy of a type that cannot be read")


def _bytes(data: Any) -> bytes:
    """Bytes as they stand, or as protocol 2 writes them: as text to be encoded."""
    match data:
        case bytes() | bytearray():
            return bytes(data)
        case Call(Global("_codecs", "encode"), (str() as text, "latin1" | "latin-1")):
            try:
                return text.encode("latin-1")
            except UnicodeEncodeError:
                pass
    raise InputError("an array of NumPy without its bytes")


assert sys.byteorder == "little", "files are read as little-endian"
