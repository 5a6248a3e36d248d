"""The input normalisation that a TFLite file states in its metadata (TensorFlow's `metadata_schema.fbs`)."""

from collections.abc import Iterator
from typing import Any

from flatbuffers import number_types
from flatbuffers.table import Table

Scaling = tuple[tuple[float, ...], tuple[float, ...]]

# Byte offsets into a table's field list (4 + 2 * position of the field in the schema).
_MODEL_SUBGRAPHS = 10
_SUBGRAPH_INPUTS = 8
_TENSOR_PROCESS_UNITS = 12
_UNIT_KIND, _UNIT_OPTIONS = 4, 6
_NORMALIZATION_MEAN, _NORMALIZATION_STD = 4, 6

_NORMALIZATION = 1
_MOST_TABLES = 16


def stated_scaling(model: Any) -> Scaling | None:
    """Mean and standard deviation (pixel values 0..255) that the metadata asks for, or None if it does not.

    The values are as they stand in the file. Broken metadata raises whatever the flatbuffers package raises, which
    checks every read against the bounds.
    """
    for index in range(min(model.MetadataLength(), _MOST_TABLES)):
        entry = model.Metadata(index)
        if entry.Name() == b"TFLITE_METADATA" and entry.Buffer() < model.BuffersLength():
            stored = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
            root = Table(stored, number_types.UOffsetTFlags.py_type(int.from_bytes(stored[:4], "little")))
            return _first_normalization(root)
    return None


def _first_normalization(root: Table) -> Scaling | None:
    for subgraph in _tables(root, _MODEL_SUBGRAPHS):
        for tensor in _tables(subgraph, _SUBGRAPH_INPUTS):
            for unit in _tables(tensor, _TENSOR_PROCESS_UNITS):
                kind, options = unit.Offset(_UNIT_KIND), unit.Offset(_UNIT_OPTIONS)
                if kind and options and unit.Get(number_types.Uint8Flags, unit.Pos + kind) == _NORMALIZATION:
                    normalization = Table(unit.Bytes, unit.Indirect(unit.Pos + options))
                    return _floats(normalization, _NORMALIZATION_MEAN), _floats(normalization, _NORMALIZATION_STD)
    return None


def _tables(parent: Table, field: int) -> Iterator[Table]:
    offset = parent.Offset(field)
    if offset:
        start = parent.Vector(offset)
        for index in range(min(parent.VectorLen(offset), _MOST_TABLES)):
            yield Table(parent.Bytes, parent.Indirect(start + 4 * index))


def _floats(parent: Table, field: int) -> tuple[float, ...]:
    offset = parent.Offset(field)
    if not offset or parent.VectorLen(offset) not in (1, 3):
        raise ValueError("the input normalisation in the metadata is not one number, or one for each channel")
    return tuple(float(value) for value in parent.GetVectorAsNumpy(number_types.Float32Flags, offset))
