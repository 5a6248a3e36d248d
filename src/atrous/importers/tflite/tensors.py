"""The tensors of a TFLite file: names, shapes, and constants as real numbers."""

from typing import Any

import numpy as np
import tflite
from jaxtyping import Float32, Shaped

from atrous.errors import InputError

Generated = Any
"""A table of the file: the classes that flatbuffers generates leave every result optional or untyped."""

_LONGEST_NAME = 1000
_MOST_AXES = 4

_DTYPES = {
    tflite.TensorType.FLOAT32: np.dtype("<f4"),
    tflite.TensorType.FLOAT16: np.dtype("<f2"),
    tflite.TensorType.UINT8: np.dtype("u1"),
    tflite.TensorType.INT8: np.dtype("i1"),
    tflite.TensorType.INT32: np.dtype("<i4"),
}


class TFLiteTensors:
    """The tensors of one graph by index; every index and size is checked before it is used."""

    def __init__(self, model: Generated, graph: Generated, *, file_size: int) -> None:
        self._model = model
        self._graph = graph
        self._bytes_left = file_size
        self._constants: dict[int, int] = {}

    def name(self, index: int) -> str:
        """Its full name, as the converter wrote it."""
        name = (self._tensor(index).Name() or b"").decode()
        if not 0 < len(name) <= _LONGEST_NAME:
            raise InputError(f"tensor {index} has a name of {len(name)} characters")
        return name

    def shape(self, index: int) -> tuple[int, ...]:
        """Its shape; a scalar has none."""
        tensor = self._tensor(index)
        if tensor.ShapeLength() > _MOST_AXES:
            raise InputError(f"tensor {index} has {tensor.ShapeLength()} axes, expected at most {_MOST_AXES}")
        return tuple(tensor.Shape(axis) for axis in range(tensor.ShapeLength()))

    def is_float(self, index: int) -> bool:
        """Return True if a tensor holds float32."""
        return self._tensor(index).Type() == tflite.TensorType.FLOAT32

    def is_signed(self, index: int) -> bool:
        """Return True if a tensor holds signed 8-bit numbers."""
        return self._tensor(index).Type() == tflite.TensorType.INT8

    def stand_for(self, index: int, constant: int) -> None:
        """Take the values of a constant for those of a tensor, as where an operator turns float16 into float32."""
        self._constants[index] = constant

    def is_constant(self, index: int) -> bool:
        """Return True if the values of a tensor stand in the file."""
        if index in self._constants:
            return True
        return self._buffer(index).DataLength() > 0

    def scale_and_zero_point(self, index: int) -> tuple[float, int]:
        """Scale and zero point of a tensor with one of each: real value = scale * (stored value - zero point)."""
        scales, zero_points = self._quantization(index)
        if len(scales) != 1:
            raise InputError(f"tensor {index} has {len(scales)} scales, expected one")
        return float(scales[0]), int(zero_points[0])

    def constant(self, index: int) -> Float32[np.ndarray, "..."]:
        """Its real values; 8- and 32-bit integers are dequantised, by channel where the file says so."""
        index = self._constants.get(index, index)
        stored = self.stored(index)
        if stored.dtype.kind == "f":
            values = stored.astype(np.float32)
        else:
            scales, zero_points = self._quantization(index)
            axis = self._tensor(index).Quantization().QuantizedDimension()
            if len(scales) > 1 and (not 0 <= axis < stored.ndim or stored.shape[axis] != len(scales)):
                raise InputError(f"tensor {index}: {len(scales)} scales do not fit its shape {stored.shape}")
            along = [-1 if len(scales) > 1 and each == axis else 1 for each in range(stored.ndim)]
            with np.errstate(over="ignore"):
                real = (stored.astype(np.float64) - zero_points.reshape(along)) * scales.reshape(along)
                values = real.astype(np.float32)
        if not np.isfinite(values).all():
            raise InputError(f"tensor {index} holds values that are no finite numbers")
        return values

    def stored(self, index: int) -> Shaped[np.ndarray, "..."]:
        """Its values as they are stored."""
        tensor, buffer, shape = self._tensor(index), self._buffer(index), self.shape(index)
        dtype = _DTYPES.get(tensor.Type())
        if dtype is None or not self.is_constant(index):
            raise InputError(f"tensor {index} is not a constant of 8, 16 or 32 bits")
        size = dtype.itemsize * int(np.prod(shape, dtype=object)) if shape else dtype.itemsize
        if min(shape, default=1) < 1 or size != buffer.DataLength():
            raise InputError(f"tensor {index} of shape {shape} has {buffer.DataLength()} bytes, expected {size}")
        # Constants lie side by side in an honest file; in one that uses the same bytes again and again they would not
        # fit, and reading them could fill the memory.
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise InputError("its constants overlap")
        return np.frombuffer(buffer.DataAsNumpy(), dtype=dtype).reshape(shape)

    def _tensor(self, index: int) -> Generated:
        if not 0 <= index < self._graph.TensorsLength():
            raise InputError(f"tensor {index} is not in the file")
        return self._graph.Tensors(index)

    def _buffer(self, index: int) -> Generated:
        buffer = self._tensor(index).Buffer()
        if not 0 <= buffer < self._model.BuffersLength():
            raise InputError(f"buffer {buffer} of tensor {index} is not in the file")
        return self._model.Buffers(buffer)

    def _quantization(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        quantization = self._tensor(index).Quantization()
        if quantization is None or not quantization.ScaleLength():
            raise InputError(f"tensor {index} holds integers without a scale")
        scales = quantization.ScaleAsNumpy().astype(np.float64)
        zero_points = quantization.ZeroPointAsNumpy() if quantization.ZeroPointLength() else np.zeros(len(scales))
        if len(zero_points) != len(scales) or not (np.isfinite(scales).all() and scales.min() > 0):
            raise InputError(
                f"tensor {index} has {len(scales)} scales, {len(zero_points)} zero points, or impossible ones"
            )
        return scales, zero_points.astype(np.float64)
