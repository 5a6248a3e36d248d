"""The Core ML layers that treat each channel on its own, as steps of a `Function`."""

import math

import numpy as np
from jaxtyping import Float

from atrous.errors import InputError
from atrous.importers.coreml.layers import CoreMLLayer, LayerKind
from atrous.importers.coreml.numbers import Numbers
from atrous.importers.coreml.traced_tensor import Function
from atrous.importers.protobuf import Message

MOST_NUMBERS = 8
"""In a list that a layer holds: a shape, sizes, strides."""

_LINEAR, _RELU = 5, 10
_THRESHOLD = 7
_EPSILON = 1e-5
"""Epsilon of a batch norm that states none."""


def applied(layer: CoreMLLayer, function: Function, *, channels: int, numbers: Numbers) -> Function:
    """The function, and then the layer.

    Raises:
        InputError: If the layer is none of these, or does what no official DeepLab file has.
    """
    params = layer.params
    if layer.kind == LayerKind.ACTIVATION:
        is_relu = _RELU in params.values
        return function.clip(0.0, math.inf) if is_relu else function.line(*slope_and_offset(layer))
    if layer.kind == LayerKind.UNARY:
        if params.integer(1) != _THRESHOLD or finite(params, 4) or finite(params, 5) not in (0, 1):
            raise InputError("a function that is in no official DeepLab file")
        return function.clip(finite(params, 2), math.inf)
    if layer.kind == LayerKind.CLIP:
        return function.clip(finite(params, 1), finite(params, 2))
    if layer.kind == LayerKind.CLAMPED_RELU:
        if finite(params, 1):
            raise InputError("a leaky activation")
        return function.clip(0.0, finite(params, 2))
    if layer.kind == LayerKind.BATCH_NORM:
        return _normed(params, function, channels=channels, numbers=numbers)
    if layer.kind == LayerKind.SCALE:
        scaled = function.line(_constant(params, 1, channels=channels, numbers=numbers), 0.0)
        shifts = bool(params.integer(3))
        return scaled.line(1.0, _constant(params, 4, channels=channels, numbers=numbers)) if shifts else scaled
    if layer.kind == LayerKind.BIAS:
        return function.line(1.0, _constant(params, 1, channels=channels, numbers=numbers))
    raise InputError(f"{layer.kind.name} there is in no official DeepLab file")


def slope_and_offset(layer: CoreMLLayer) -> tuple[float, float]:
    """Slope and offset of a linear activation.

    Raises:
        InputError: If it is another activation.
    """
    if layer.kind != LayerKind.ACTIVATION or _LINEAR not in layer.params.values:
        raise InputError("an activation or arithmetic that is in no official DeepLab file")
    linear = layer.params.message(_LINEAR)
    return finite(linear, 1), finite(linear, 2)


def by_channel(values: Float[np.ndarray, "..."], channels: int) -> Float[np.ndarray, "*c"]:
    """One number for each channel, or one for all.

    Raises:
        InputError: If the constant is anything else.
    """
    if values.size != 1 and (values.size != channels or max(values.shape) != channels):
        raise InputError(f"a constant of the shape {values.shape} for {channels} channels")
    return values.reshape(-1 if values.size > 1 else ()).astype(np.float64)


def pair(params: Message, number: int, *, default: int) -> tuple[int, int]:
    """Vertically and horizontally.

    Raises:
        InputError: If there are other than two numbers, or none.
    """
    values = params.integers(number, most=2) or [default, default]
    if len(values) != 2:
        raise InputError(f"field {number} needs two numbers")
    return values[0], values[1]


def finite(params: Message, number: int) -> float:
    """A number; 0 where it is missing.

    Raises:
        InputError: If it is none.
    """
    value = params.real(number)
    if not math.isfinite(value):
        raise InputError(f"{value} in field {number}")
    return value


def _normed(params: Message, function: Function, *, channels: int, numbers: Numbers) -> Function:
    if params.integer(1) != channels or params.integer(5) or params.integer(6):
        raise InputError(f"a norm of {params.integer(1)} channels where {channels} arrive, or of each image on its own")
    gamma, beta, mean, variance = (
        numbers.read(params.message(number), (channels,)).astype(np.float64) for number in (15, 16, 17, 18)
    )
    epsilon = finite(params, 10) or _EPSILON
    return function.norm(gamma=gamma, beta=beta, mean=mean, variance=variance, epsilon=epsilon)


def _constant(params: Message, shape: int, *, channels: int, numbers: Numbers) -> np.ndarray:
    """The shape's field comes right before that of the values."""
    return by_channel(numbers.read(params.message(shape + 1), params.integers(shape, most=MOST_NUMBERS)), channels)
