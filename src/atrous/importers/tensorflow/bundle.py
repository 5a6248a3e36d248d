"""Checkpoints of TensorFlow's second format: a table of where each tensor is (`.index`), and data files."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from atrous.errors import InputError
from atrous.importers.mapped_file import mapped
from atrous.importers.protobuf import Message
from atrous.importers.tensorflow.checksum import crc32c, masked
from atrous.importers.tensorflow.recognition import INDEX
from atrous.importers.tensorflow.sstable import all_entries
from atrous.importers.tensorflow.variable import DTYPES, Variable, shape_of

_MOST_SHARDS = 64
_LARGEST_INDEX = 8 << 20  # bytes; an official one has 0.1 MiB
_LITTLE_ENDIAN = 0
_SLICES = 7


def read_bundle(index: Path) -> Mapping[str, Variable]:
    """The tensors of a checkpoint by their names.

    Args:
        index: Its `.index` file; the data files are its neighbours.

    Raises:
        InputError: If a file is missing or damaged.
    """
    table = mapped(index, largest=_LARGEST_INDEX)
    found = {key: value for _, key, value in all_entries(table)}
    header = Message.parse(found.pop(b"", memoryview(b"")))
    count = header.integer(1)
    if header.integer(2) != _LITTLE_ENDIAN or not 1 <= count <= _MOST_SHARDS:
        raise InputError(f"{count} data files, or numbers in the byte order of another machine")
    prefix = index.name.removesuffix(INDEX)
    shards = [mapped(index.with_name(f"{prefix}.data-{number:05}-of-{count:05}")) for number in range(count)]
    listed = {_name(key): Message.parse(value) for key, value in found.items()}
    if sum(entry.integer(5) for entry in listed.values()) > sum(map(len, shards)):
        raise InputError("its tensors are larger than its data files; one of them is cut off or of another checkpoint")
    return {name: _variable(name, entry, shards) for name, entry in listed.items()}


def _name(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{key!r:.80} is no name of a tensor") from error


def _variable(name: str, entry: Message, shards: Sequence[memoryview]) -> Variable:
    if _SLICES in entry.values:
        raise InputError(f"{name:.80} is cut into slices; save the checkpoint without partitioned variables")
    shape, dtype = shape_of(entry.message(2)), DTYPES.get(entry.integer(1))
    shard, offset, size = entry.integer(3), entry.integer(4), entry.integer(5)
    if not 0 <= shard < len(shards) or offset < 0 or not 0 <= size <= len(shards[shard]) - offset:
        raise InputError(f"{name:.80} lies outside of the data files; one of them is cut off or of another checkpoint")
    if dtype is not None and size != math.prod(shape) * dtype.itemsize:
        raise InputError(f"{name:.80} has {size} bytes for the shape {shape}")
    stored, place = int.from_bytes(entry.bytes(6), "little"), shards[shard][offset : offset + size]

    def read() -> np.ndarray:
        if stored != masked(crc32c(place)):
            raise InputError(f"{name:.80} does not match its checksum; the data file is damaged")
        return np.frombuffer(place, dtype).reshape(shape)

    return Variable(shape, dtype, read)
