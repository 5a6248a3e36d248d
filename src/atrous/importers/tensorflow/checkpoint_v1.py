"""Checkpoints of TensorFlow's first format: one table with shapes under the empty key and then the tensors."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from atrous.errors import InputError
from atrous.importers.mapped_file import mapped
from atrous.importers.protobuf import Message
from atrous.importers.tensorflow.sstable import Block, all_entries, entries
from atrous.importers.tensorflow.variable import DTYPES, Variable, shape_of, values

_META, _DATA = 1, 2


def read_checkpoint_v1(path: Path) -> Mapping[str, Variable]:
    """The tensors of a checkpoint by their names.

    Raises:
        InputError: If the file is damaged.
    """
    table = mapped(path)
    places: dict[str, tuple[Block, bytes]] = {}
    listed: list[Message] = []
    for block, key, value in all_entries(table):
        saved = Message.parse(value)
        if key:
            places[saved.message(_DATA).text(1)] = (block, key)
        else:
            listed = list(saved.message(_META).messages(1))
    if not listed:
        raise InputError("it lists no tensors")

    @lru_cache(maxsize=4)  # small tensors share blocks, and are not asked for in the order in which they lie
    def block_entries(block: Block) -> dict[bytes, memoryview]:
        return dict(entries(table, block))

    return {entry.text(1): _variable(entry, places, block_entries) for entry in listed}


def _variable(
    entry: Message,
    places: Mapping[str, tuple[Block, bytes]],
    block_entries: Callable[[Block], Mapping[bytes, memoryview]],
) -> Variable:
    name, shape, dtype = entry.text(1), shape_of(entry.message(2)), DTYPES.get(entry.integer(3))
    slices = list(entry.messages(4))
    whole = len(slices) == 1 and not any(2 in extent.values for extent in slices[0].messages(1))
    if not whole:
        raise InputError(f"{name:.80} is cut into slices; save the checkpoint without partitioned variables")
    if name not in places:
        raise InputError(f"{name:.80} is listed but not there")
    block, key = places[name]

    def read() -> np.ndarray:
        tensor = Message.parse(block_entries(block)[key]).message(_DATA).message(3)
        return values(tensor, shape=shape, dtype=dtype)

    return Variable(shape, dtype, read)
