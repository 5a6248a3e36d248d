"""A tensor in one of TensorFlow's files, before anybody reads its values."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from atrous.errors import InputError
from atrous.importers.protobuf import Message

_MOST_DIMENSIONS = 8
_LARGEST_TENSOR = 1 << 30
_MOST_REPEATED = 1 << 16
"""Elements that one value may stand for: a message can say that one number is a tensor of any size."""

_INTEGER_FIELDS = {"i4": 7, "u1": 7, "i1": 7, "f2": 13, "i8": 10, "b1": 11}
"""Fields of a TensorProto for the integer types, and for halves as their 16 bits."""

DTYPES = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("u1"),
    6: np.dtype("i1"),
    9: np.dtype("<i8"),
    10: np.dtype("?"),
    19: np.dtype("<f2"),
}
"""TensorFlow's numbers of the types that a DeepLab file can hold."""


@dataclass(frozen=True)
class Variable:
    """A tensor.

    Attributes:
        shape: Shape in TensorFlow: kernels are [height, width, in, out].
        dtype: Type of its values; None for types that no network has, such as text.
        read: Its values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype | None
    read: Callable[[], np.ndarray]


def shape_of(message: Message) -> tuple[int, ...]:
    """Shape that a TensorShapeProto states.

    Raises:
        InputError: If a length is unknown, negative, or beyond any network.
    """
    lengths = tuple(dimension.integer(1) for dimension in message.messages(2))
    if message.integer(3) or len(lengths) > _MOST_DIMENSIONS or any(length < 0 for length in lengths):
        raise InputError(f"a tensor of the impossible shape {lengths[:_MOST_DIMENSIONS]}")
    if math.prod(lengths) > _LARGEST_TENSOR:
        raise InputError(f"a tensor of the shape {lengths}, larger than any of a network")
    return lengths


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
