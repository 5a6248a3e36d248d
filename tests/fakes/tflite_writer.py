"""Writes TFLite files, so that the reader can be tested on every form of them; LiteRT runs what it writes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import flatbuffers
import numpy as np
import tflite

Op = tflite.BuiltinOperator
Options = tflite.BuiltinOptions
Action = tflite.ActivationFunctionType

TYPES = {
    np.dtype("f4"): tflite.TensorType.FLOAT32,
    np.dtype("u1"): tflite.TensorType.UINT8,
    np.dtype("i1"): tflite.TensorType.INT8,
    np.dtype("i4"): tflite.TensorType.INT32,
}

Fields = Sequence[tuple[str, object]]
"""(kind, value) of each field of a table, in the order of TensorFlow's schema; None leaves a field out."""


@dataclass
class TFLiteWriter:
    """A graph under construction; tensor 0 is the image."""

    tensors: list[Fields] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=lambda: [b""])
    operators: list[Fields] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    builder: flatbuffers.Builder = field(default_factory=lambda: flatbuffers.Builder(1 << 16))

    def tensor(self, name, shape, *, values=None, dtype="f4", scales=(), zero_points=(), axis=0) -> int:
        """Index of a new tensor; a constant one where `values` are given."""
        if values is not None:
            dtype = values.dtype
            self.buffers.append(np.ascontiguousarray(values).tobytes())
        quantization = None
        if len(scales):
            stored = self._numbers(np.asarray(scales, "f4")), self._numbers(np.asarray(zero_points, "i8"))
            both = [("UOffsetTRelative", offset) for offset in stored]
            quantization = self._table([*[("None", None)] * 2, *both, *[("None", None)] * 2, ("Int32", axis)])
        self.tensors.append([
            ("UOffsetTRelative", self._numbers(np.asarray(shape, "i4"))),
            ("Int8", TYPES[np.dtype(dtype)]),
            ("Uint32", len(self.buffers) - 1 if values is not None else 0),
            ("UOffsetTRelative", self.builder.CreateString(name)),
            ("UOffsetTRelative", quantization),
        ])  # fmt: skip
        return len(self.tensors) - 1

    def operator(self, code: int, inputs: Sequence[int], output: int, *, kind: int = 0, options: Fields = ()) -> int:
        """A new operator; returns its output."""
        if code not in self.codes:
            self.codes.append(code)
        self.operators.append([
            ("Uint32", self.codes.index(code)),
            ("UOffsetTRelative", self._numbers(np.asarray(inputs, "i4"))),
            ("UOffsetTRelative", self._numbers(np.asarray([output], "i4"))),
            ("Uint8", kind),
            ("UOffsetTRelative", self._table(options)),
        ])  # fmt: skip
        return output

    def content(self, output: int, *, metadata: bytes | None = None, custom: str = "") -> bytes:
        """The file, ending in tensor `output`; `custom` names its operators of the kind CUSTOM."""
        entries = []
        if metadata is not None:
            self.buffers.append(metadata)
            name = self.builder.CreateString("TFLITE_METADATA")
            entries = [[("UOffsetTRelative", name), ("Uint32", len(self.buffers) - 1)]]
        named = ("UOffsetTRelative", self.builder.CreateString(custom) if custom else None)
        codes = [[("Int8", code), named, ("Int32", 3), ("Int32", code)] for code in self.codes]
        buffers = [
            [("UOffsetTRelative", self._numbers(np.frombuffer(data, "u1")) if data else None)] for data in self.buffers
        ]
        subgraph = [
            ("UOffsetTRelative", self._tables(self.tensors)),
            ("UOffsetTRelative", self._numbers(np.asarray([0], "i4"))),
            ("UOffsetTRelative", self._numbers(np.asarray([output], "i4"))),
            ("UOffsetTRelative", self._tables(self.operators)),
        ]
        root = self._table([
            ("Uint32", 3),
            ("UOffsetTRelative", self._tables(codes)),
            ("UOffsetTRelative", self._tables([subgraph])),
            ("None", None),
            ("UOffsetTRelative", self._tables(buffers)),
            ("None", None),
            ("UOffsetTRelative", self._tables(entries)),
        ])  # fmt: skip
        self.builder.Finish(root, b"TFL3")
        return bytes(self.builder.Output())

    def _table(self, fields: Fields) -> int:
        self.builder.StartObject(len(fields))
        for slot, (kind, value) in enumerate(fields):
            if value is not None:
                getattr(self.builder, f"Prepend{kind}Slot")(slot, value, None if kind != "UOffsetTRelative" else 0)
        return self.builder.EndObject()

    def _tables(self, tables: Sequence[Fields]) -> int:
        offsets = [self._table(fields) for fields in tables]
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        return self.builder.EndVector()

    def _numbers(self, values: np.ndarray) -> int:
        data = values.tobytes()
        self.builder.StartVector(values.itemsize, len(values), 16)
        self.builder.head -= len(data)
        self.builder.Bytes[self.builder.head : self.builder.head + len(data)] = data
        return self.builder.EndVector()


def input_metadata(mean: Sequence[float], std: Sequence[float]) -> bytes:
    """Metadata that asks for (x - mean) / std: model -> subgraph -> input tensor -> process unit -> normalisation."""
    writer = TFLiteWriter()
    offset, nothing = "UOffsetTRelative", ("None", None)
    constants = [(offset, writer._numbers(np.asarray(values, "f4"))) for values in (mean, std)]
    unit = [("Uint8", 1), (offset, writer._table(constants))]
    tensor = [nothing] * 4 + [(offset, writer._tables([unit]))]
    subgraph = [nothing] * 2 + [(offset, writer._tables([tensor]))]
    writer.builder.Finish(writer._table([nothing] * 3 + [(offset, writer._tables([subgraph]))]), b"M001")
    return bytes(writer.builder.Output())


def conv_options(*, stride: int = 1, rate: int = 1, activation: int = Action.NONE, padding: int = 0) -> Fields:
    """Of CONV_2D."""
    return [
        ("Int8", padding),
        ("Int32", stride),
        ("Int32", stride),
        ("Int8", activation),
        ("Int32", rate),
        ("Int32", rate),
    ]


def depthwise_options(*, stride: int = 1, rate: int = 1, activation: int = Action.NONE, padding: int = 0) -> Fields:
    """Of DEPTHWISE_CONV_2D."""
    head = [("Int8", padding), ("Int32", stride), ("Int32", stride), ("Int32", 1), ("Int8", activation)]
    return [*head, ("Int32", rate), ("Int32", rate)]


def resize_options(*, align_corners: bool = True, half_pixel_centers: bool = False) -> Fields:
    """Of RESIZE_BILINEAR."""
    return [("None", None), ("None", None), ("Bool", align_corners), ("Bool", half_pixel_centers)]
