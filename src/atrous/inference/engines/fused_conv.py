"""A convolution fused with its batch norm, computed by the quickest method on a CPU.

    activation(norm(conv(x))) = activation(conv'(x) + bias)

There are three methods, equal up to rounding: Winograd's for 3x3 with many channels, at any rate
(`ops/cpu/winograd.py`); oneDNN's with the activation built in; and torch's plain convolution, for any device and
precision.
"""

import copy
import logging
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.norm import BatchNorm
from atrous.ops.cpu.winograd import transform_filters, winograd_conv2d
from atrous.ops.cpu.winograd_schemes import Schemes, saving, schemes

MIN_CHANNELS = 128
"""In and out, from which transforming tiles costs less than Winograd saves."""

MIN_SAVING = 2.0
"""Least number of plain multiplications per multiplication of Winograd's method."""

CACHED_SIZES = 2
"""Number of map sizes for which a layer keeps transformed filters, each up to seven times as large as the filters."""

_log = logging.getLogger(__name__)


class Clamp(NamedTuple):
    """Activation that bounds its values: oneDNN's name and arguments, and the bounds."""

    name: str
    scalars: list[float]
    bounds: tuple[float, float]


IDENTITY, RELU = Clamp("none", [], (-np.inf, np.inf)), Clamp("relu", [], (0.0, np.inf))
CLAMPS = {nn.Identity: IDENTITY, nn.ReLU: RELU, nn.ReLU6: Clamp("hardtanh", [0.0, 6.0], (0.0, 6.0))}


Padding = Callable[[Tensor], tuple[Tensor, int]]
"""Returns a map, padded where zeros are not the same on all sides, and the zeros to add on all sides."""


class FusedConv(nn.Module):
    """`AtrousConv` in eval mode, with the weights, stride and rate that it has now.

    Attributes:
        pads: Padding of the layer.
        margin: Zeros on all sides where the padding is symmetric.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, layer: AtrousConv) -> None:
        super().__init__()
        weight, bias = fused_tensors(layer)
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last), persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        self.pads: Padding = copy.deepcopy(layer.conv).padded
        self.margin = int(layer.conv.padding[0])
        self.stride, self.rate, self.groups = layer.stride, layer.rate, layer.conv.groups
        self.activation = layer.activation
        self.clamp = CLAMPS.get(type(layer.activation))
        shape = weight.shape
        self._tiles = shape[2:] == (3, 3) and self.stride == 1 and min(shape[:2]) >= MIN_CHANNELS
        self._transformed: dict[Schemes, list[Tensor]] = {}

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute convolution, norm and activation."""
        if self.clamp is None or not _allows_fast_methods(x):
            return self.activation(self._plain(x))
        height, width = x.shape[-2:]
        if self._tiles and saving(height, width, rate=self.rate) >= MIN_SAVING and _compiled():
            filters = self._transformed_filters(schemes(height, width, rate=self.rate))
            return winograd_conv2d(x, filters, self.bias, rate=self.rate, bounds=self.clamp.bounds)
        if not _one_dnn():
            return self.activation(self._plain(x))
        convolve = torch.ops.mkldnn._convolution_pointwise
        return convolve(*self._operands(x), self.clamp.name, self.clamp.scalars, "")

    def conv_relu(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute ReLU(conv'(x) + bias), without the activation of this layer, as all methods below."""
        if not (_allows_fast_methods(x) and _one_dnn()):
            return F.relu_(self._plain(x))
        return torch.ops.mkldnn._convolution_pointwise(*self._operands(x), RELU.name, RELU.scalars, "")

    def conv_add(self, x: Float[Tensor, "b c h w"], other: Float[Tensor, "b k H W"]) -> Float[Tensor, "b k H W"]:
        """Compute conv'(x) + bias + other in one pass instead of two."""
        if not (_allows_fast_methods(x) and _one_dnn()):
            return self._plain(x) + other
        return self._sum(x, other, None)

    def conv_add_relu(self, x: Float[Tensor, "b c h w"], other: Float[Tensor, "b k H W"]) -> Float[Tensor, "b k H W"]:
        """Compute ReLU(conv'(x) + bias + other) in one pass instead of three."""
        if not (_allows_fast_methods(x) and _one_dnn()):
            return F.relu_(self._plain(x) + other)
        return self._sum(x, other, RELU.name)

    def conv_add_relu_(self, other: Float[Tensor, "b k H W"], x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute `conv_add_relu` in the memory of `other` where possible: no new memory, a tenth less time."""
        if not (_allows_fast_methods(x) and _one_dnn()):
            return F.relu_(self._plain(x).add_(other))
        x, *rest = self._operands(x)
        other = other.contiguous(memory_format=torch.channels_last)
        return torch.ops.mkldnn._convolution_pointwise_.binary(other, x, *rest, "add", 1.0, RELU.name, [], "")

    def _sum(self, x: Tensor, other: Tensor, then: str | None) -> Tensor:
        x, *rest = self._operands(x)
        other = other.contiguous(memory_format=torch.channels_last)
        return torch.ops.mkldnn._convolution_pointwise.binary(x, other, *rest, "add", 1.0, then, [], "")

    def _plain(self, x: Tensor) -> Tensor:
        x, margin = self.pads(x)
        return F.conv2d(x, self.weight, self.bias, self.stride, margin, self.rate, self.groups)

    def _operands(self, x: Tensor) -> tuple:
        """Arguments of oneDNN up to the activation; packed weights would suit one map size and slow down others."""
        x, margin = self.pads(x)
        x = x.contiguous(memory_format=torch.channels_last)
        return x, self.weight, self.bias, [margin] * 2, [self.stride] * 2, [self.rate] * 2, self.groups

    def _transformed_filters(self, chosen: Schemes) -> list[Tensor]:
        filters = self._transformed.get(chosen)
        if filters is None:
            filters = transform_filters(self.weight, chosen)
            while len(self._transformed) >= CACHED_SIZES:  # another thread may delete at the same time
                self._transformed.pop(next(iter(self._transformed), chosen), None)
            self._transformed[chosen] = filters
        return filters


def fused_tensors(layer: AtrousConv) -> tuple[Float[Tensor, "k c n n"], Float[Tensor, " k"]]:
    """Compute weight and bias of the fused convolution in double precision; a layer may have no norm."""
    norm, weight = layer.norm, layer.conv.weight.detach()
    if not isinstance(norm, BatchNorm):
        return weight, weight.new_zeros(len(weight))
    assert norm.running_mean is not None  # a `BatchNorm` always has both
    assert norm.running_var is not None
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.eps).sqrt()
    bias = norm.bias.detach().double() - norm.running_mean.double() * scale
    return (weight.double() * scale[:, None, None, None]).to(weight.dtype), bias.to(weight.dtype)


def _allows_fast_methods(x: Tensor) -> bool:
    """Return True if the quick methods take the map."""
    if torch.is_grad_enabled() or torch.compiler.is_exporting():
        return False
    return x.device.type == "cpu" and x.dtype == torch.float32 and x.numel() > 0


@cache
def _compiled() -> bool:
    """Return True if Winograd's method works here."""
    ones = torch.ones(1, 1, 1, 1)
    try:
        winograd_conv2d(ones, [ones[0]], ones[0, 0, 0], rate=1)
    except Exception as problem:  # compilers are absent, or refuse a processor or a version, in any way they like
        _log.warning("3x3 convolutions take longer without compiled code: %s", problem)
        return False
    return True


@cache
def _one_dnn() -> bool:
    """Return True if torch has oneDNN, with convolutions that add and clamp."""
    ones, once = torch.ones(1, 1, 1, 1), ([0, 0], [1, 1], [1, 1], 1)
    try:
        convolve = torch.ops.mkldnn._convolution_pointwise
        for then in (None, "relu"):
            convolve.binary(ones, ones, ones, None, *once, "add", 1.0, then, [], "")
        again = torch.ops.mkldnn._convolution_pointwise_
        again.binary(ones.clone(), ones, ones, None, *once, "add", 1.0, "relu", [], "")
        convolve(ones, ones, None, *once, "hardtanh", [0.0, 6.0], "")
    except (AttributeError, RuntimeError, TypeError):  # not part of torch's promises
        return False
    return True
