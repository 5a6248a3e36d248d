"""Weights as a Core ML file stores them (`WeightParams`): floats of 32 or 16 bits, look-up tables, linear steps."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, UInt8

from atrous.errors import InputError
from atrous.importers.protobuf import Message
from atrous.sizes import ceil_div

_FLOAT32, _FLOAT16, _RAW, _QUANTIZATION = 1, 2, 30, 40
_BITS, _LINEAR, _TABLE = 1, 101, 102
_SCALE, _BIAS, _ENTRIES = 1, 2, 1

_MOST_NUMBERS = 1 << 24
"""In one file: DeepLab on MobileNetV2 has 2 million; one that has 1-bit weights could grow 32 times."""


class Numbers:
    """Reader of weights as float32, which bounds their number and records quantisation."""

    def __init__(self) -> None:
        self.quantized = False
        self._left = _MOST_NUMBERS

    def read(self, weights: Message, shape: Sequence[int]) -> Float32[np.ndarray, "..."]:
        """The weights, dequantised.

        Args:
            weights: A `WeightParams`.
            shape: Shape that the layer states; scales and offsets of linear quantisation go along its first axis.

        Raises:
            InputError: If there are fewer or more than the shape has, or no finite numbers.
        """
        if min(shape, default=0) < 1:
            raise InputError(f"weights of the impossible shape {tuple(shape)}")
        count = math.prod(shape)
        self._left -= count
        if self._left < 0:
            raise InputError(f"more than {_MOST_NUMBERS} weights, which no DeepLab file has")
        values = self._stored(weights, count, channels=shape[0]).reshape(shape)
        if not np.isfinite(values).all():
            raise InputError("weights that are no finite numbers")
        return values

    def _stored(self, weights: Message, count: int, *, channels: int) -> np.ndarray:
        forms = [number for number in (_FLOAT32, _FLOAT16, _RAW) if len(weights.bytes(number))]
        if len(forms) != 1:
            raise InputError("weights in none or several of the forms float32, float16 and quantised")
        if forms == [_RAW]:
            self.quantized = True
            return _dequantized(weights, count, channels=channels)
        content, dtype = weights.bytes(forms[0]), np.dtype("<f4" if forms == [_FLOAT32] else "<f2")
        if len(content) != count * dtype.itemsize:
            raise InputError(f"{len(content)} bytes for {count} weights of {dtype.itemsize} bytes")
        return np.frombuffer(content, dtype).astype(np.float32)


def _dequantized(weights: Message, count: int, *, channels: int) -> np.ndarray:
    quantization = weights.message(_QUANTIZATION)
    bits = quantization.integer(_BITS)
    if not 1 <= bits <= 8:
        raise InputError(f"quantised to {bits} bits; 1 to 8 are possible")
    stored = _unpacked(weights.bytes(_RAW), count, bits=bits)
    if (_TABLE in quantization.values) == (_LINEAR in quantization.values):
        raise InputError("quantised weights need either a look-up table or scales")
    if _TABLE in quantization.values:
        table = quantization.message(_TABLE).floats(_ENTRIES)
        if len(table) != 1 << bits:
            raise InputError(f"a look-up table of {len(table)} entries for {bits} bits")
        return table[stored].astype(np.float32)
    linear = quantization.message(_LINEAR)
    scale, bias = linear.floats(_SCALE).astype(np.float64), linear.floats(_BIAS).astype(np.float64)
    if len(scale) not in (1, channels) or len(bias) not in (0, len(scale)):
        raise InputError(f"{len(scale)} scales and {len(bias)} offsets for {channels} channels")
    with np.errstate(over="ignore", invalid="ignore"):
        values = stored.reshape(len(scale), -1) * scale[:, None] + (bias[:, None] if len(bias) else 0)
        return values.astype(np.float32)


def _unpacked(content: memoryview, count: int, *, bits: int) -> UInt8[np.ndarray, " n"]:
    """Numbers of some bits each, written one after the other, the highest bit first."""
    if len(content) != ceil_div(count * bits, 8):
        raise InputError(f"{len(content)} bytes for {count} weights of {bits} bits")
    stored = np.frombuffer(content, np.uint8)
    if bits == 8:
        return stored
    digits = np.unpackbits(stored, count=count * bits).reshape(count, bits)
    return np.packbits(digits, axis=1).ravel() >> (8 - bits)
