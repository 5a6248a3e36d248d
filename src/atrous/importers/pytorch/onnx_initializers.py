"""Initializers of ONNX models: tensors by name, as onnx.proto lays them out. The graph beside them is not read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from atrous.errors import InputError
from atrous.importers.mapped_file import mapped
from atrous.importers.protobuf import Message
from atrous.importers.pytorch.tensors import MOST_DIMENSIONS, array_tensor

_GRAPH, _INITIALIZER = 7, 5
_DIMENSIONS, _TYPE, _FLOATS, _INTS, _LONGS, _NAME, _RAW, _DOUBLES, _PLACE = 1, 2, 4, 5, 7, 8, 9, 10, 14
_EXTERNAL = 1

_TYPES = {
    1: "f4", 2: "u1", 3: "i1", 5: "i2", 6: "i4", 7: "i8", 9: "b1", 10: "f2", 11: "f8",
}  # fmt: skip
"""TensorProto.DataType -> type of NumPy, of those that PyTorch has as well."""

MOST_NUMBERS = 1 << 24


def read_initializers(path: Path) -> dict[str, Tensor]:
    """Tensors of a model by their names; those of types that PyTorch lacks are left out.

    Raises:
        InputError: If the file is damaged, or keeps its weights in other files.
    """
    graph = Message.parse(mapped(path)).message(_GRAPH)
    return dict(_tensors(graph))


def _tensors(graph: Message) -> Iterator[tuple[str, Tensor]]:
    for entry in graph.messages(_INITIALIZER):
        name, kind = entry.text(_NAME), _TYPES.get(entry.integer(_TYPE))
        if entry.integer(_PLACE) == _EXTERNAL:
            raise InputError("an ONNX model whose weights lie in another file; save it in one file, or give the "
                             "checkpoint that it was made from")  # fmt: skip
        if kind is None:
            continue
        shape = tuple(entry.integers(_DIMENSIONS, most=MOST_DIMENSIONS))
        try:
            yield name, array_tensor(_content(entry, kind), dtype=np.dtype(f"<{kind}"), shape=shape, order="C")
        except InputError as error:
            raise InputError(f"initializer {name:.80}: {error}; get the file again from its source") from error


def _content(entry: Message, kind: str) -> bytes | memoryview:
    """The numbers in little-endian bytes: they are raw, or a list."""
    if len(raw := entry.bytes(_RAW)):
        return raw
    if kind == "f4":
        return entry.floats(_FLOATS).tobytes()
    if kind == "f8":
        return entry.doubles(_DOUBLES).tobytes()
    numbers = np.array(entry.integers(_LONGS if kind == "i8" else _INTS, most=MOST_NUMBERS), np.uint64)
    if kind == "f2":  # their bits
        return numbers.astype(np.uint16).tobytes()
    return numbers.astype(np.int64).astype(np.dtype(f"<{kind}")).tobytes()
