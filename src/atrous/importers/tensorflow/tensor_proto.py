"""A tensor written into a message: as bytes, or value by value in a field that depends on its type."""

import math

import numpy as np

from atrous.errors import InputError
from atrous.importers.protobuf import Message

_MOST_REPEATED = 1 << 16
"""Elements that a single value may stand for; a message can say that one number is a tensor of any size."""

_INTEGER_FIELDS = {"i4": 7, "u1": 7, "i1": 7, "f2": 13, "i8": 10, "b1": 11}


def values(tensor: Message, *, shape: tuple[int, ...], dtype: np.dtype | None) -> np.ndarray:
    """The values of a TensorProto.

    Raises:
        InputError: If there are others than the shape needs, or the type is none of numbers.
    """
    if dtype is None:
        raise InputError("a tensor of a type that no network has")
    count = math.prod(shape)
    content = tensor.bytes(4)
    if len(content):
        if len(content) != count * dtype.itemsize:
            raise InputError(f"{len(content)} bytes for the shape {shape}")
        return np.frombuffer(content, dtype).reshape(shape)
    found = _single_values(tensor, dtype, most=count)
    if len(found) != count:
        # Equal values at the end are written once.
        if not 0 < len(found) < count <= _MOST_REPEATED:
            raise InputError(f"{len(found)} values for the shape {shape}")
        found = np.pad(found, (0, count - len(found)), mode="edge")
    return found.reshape(shape)


def _single_values(tensor: Message, dtype: np.dtype, *, most: int) -> np.ndarray:
    kind = dtype.str[1:]
    if kind == "f4":
        return tensor.floats(5)
    if kind == "f8":
        return tensor.doubles(6)
    found = np.array(tensor.integers(_INTEGER_FIELDS[kind], most=most), np.uint64)
    # Halves are written as their 16 bits, negative numbers as 64.
    return found.astype(np.uint16).view(dtype) if kind == "f2" else found.astype(dtype)
