"""A tensor in one of TensorFlow's files, before anybody reads its values."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from atrous.errors import InputError
from atrous.importers.protobuf import Message

_MOST_DIMENSIONS = 8
_LARGEST_TENSOR = 1 << 30

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
        shape: As TensorFlow has it: kernels are [height, width, in, out].
        dtype: Of its values; None is one that no network of ours has, as text.
        read: Its values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype | None
    read: Callable[[], np.ndarray]


def shape_of(message: Message) -> tuple[int, ...]:
    """What a TensorShapeProto says.

    Raises:
        InputError: If a length is unknown, negative, or beyond any network.
    """
    lengths = tuple(dimension.integer(1) for dimension in message.messages(2))
    if message.integer(3) or len(lengths) > _MOST_DIMENSIONS or any(length < 0 for length in lengths):
        raise InputError(f"a tensor of the impossible shape {lengths[:_MOST_DIMENSIONS]}")
    if math.prod(lengths) > _LARGEST_TENSOR:
        raise InputError(f"a tensor of the shape {lengths}, larger than any of a network")
    return lengths
