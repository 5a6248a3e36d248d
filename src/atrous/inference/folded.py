"""A model for inference alone: batch norms folded into the convolutions, each layer the quickest of its kind on a CPU.

    activation(norm(conv(x))) = activation(conv'(x) + bias')

A folded convolution knows three ways, all equal up to rounding: Winograd's for 3x3 with many channels, at any rate
(`ops/winograd.py`); oneDNN's own with packed weights and the activation built in; and torch's plain one.
"""

import copy
import logging
from functools import cache
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.deeplab import DeepLab
from atrous.ops.winograd import cheapest, saving, widened, winograd_conv2d

Model = TypeVar("Model", bound=DeepLab)

FEWEST_CHANNELS = 128
"""In and out, from which transforming tiles costs less than Winograd saves."""

SAVING = 2.0
"""Products of the plain way per product of Winograd's, at least."""

KEPT = 2
"""Sizes of maps for which a layer keeps its transformed filters, each up to four times as large as the filters."""

_log = logging.getLogger(__name__)


class Clamp(NamedTuple):
    """An activation that bounds its values: how oneDNN calls it, and the bounds."""

    name: str
    scalars: list[float]
    bounds: tuple[float, float]


CLAMPS = {
    nn.Identity: Clamp("none", [], (-np.inf, np.inf)),
    nn.ReLU: Clamp("relu", [], (0.0, np.inf)),
    nn.ReLU6: Clamp("hardtanh", [0.0, 6.0], (0.0, 6.0)),
}


def folded(model: Model) -> Model:
    """A twin for inference with the weights as they are now; what is not a convolution is shared with the model.

    Its output stride is settled. In other precisions than float32 and on other devices than a CPU, batch norms are
    folded and nothing else changes.
    """
    tensors = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    twin = copy.deepcopy(model, tensors).eval()
    for parent in list(twin.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, AtrousConv):
                setattr(parent, name, FoldedConv(layer))
    return twin


class FoldedConv(nn.Module):
    """`AtrousConv` in eval mode as one convolution with bias and activation, at its stride and rate."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layer: AtrousConv) -> None:
        super().__init__()
        norm = layer.norm
        assert norm.running_mean is not None and norm.running_var is not None  # ours always have them
        with torch.no_grad():
            scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
            weight = (layer.conv.weight.double() * scale[:, None, None, None]).to(layer.conv.weight.dtype)
            bias = (norm.bias.double() - norm.running_mean.double() * scale).to(weight.dtype)
        self.geometry = copy.copy(layer.conv)
        self.geometry._parameters = {"weight": None, "bias": None}
        self.register_buffer("weight", weight.contiguous(memory_format=torch.channels_last), persistent=False)
        self.register_buffer("bias", bias, persistent=False)
        self.stride, self.rate, self.groups = layer.stride, layer.rate, layer.conv.groups
        self.clamp = CLAMPS.get(type(layer.activation))
        self.activation = layer.activation
        shape = self.weight.shape
        self._tiles = shape[2:] == (3, 3) and self.stride == 1 and min(shape[:2]) >= FEWEST_CHANNELS
        self._wide: dict[tuple[int, int], Tensor] = {}
        self._packed: Tensor | None = None

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """One layer."""
        height, width = x.shape[-2:]
        fast = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_grad_enabled() and x.numel() > 0
        if fast and self.clamp and self._tiles and saving(height, width, rate=self.rate) >= SAVING and _compiled():
            wide = self._widened(cheapest(height, self.rate).scheme, cheapest(width, self.rate).scheme)
            return winograd_conv2d(x, wide, self.bias, rate=self.rate, bounds=self.clamp.bounds)
        padded, margin = self.geometry.padded(x)
        if fast and self.clamp and _one_dnn():
            return self._pointwise(padded.contiguous(memory_format=torch.channels_last), margin, self.clamp)
        return self.activation(
            F.conv2d(padded, self.weight, self.bias, self.stride, margin, self.rate, groups=self.groups)
        )

    def _pointwise(self, x: Tensor, margin: int, clamp: Clamp) -> Tensor:
        margins, strides, rates = [margin] * 2, [self.stride] * 2, [self.rate] * 2
        if self._packed is None:
            pack = torch.ops.mkldnn._reorder_convolution_weight
            self._packed = pack(self.weight, margins, strides, rates, self.groups, list(x.shape))
        convolve = torch.ops.mkldnn._convolution_pointwise
        name, scalars, _ = clamp
        return convolve(x, self._packed, self.bias, margins, strides, rates, self.groups, name, scalars, "")

    def _widened(self, rows: int, columns: int) -> Tensor:
        if (rows, columns) not in self._wide:
            if len(self._wide) == KEPT:
                del self._wide[next(iter(self._wide))]
            self._wide[rows, columns] = widened(self.weight, rows=rows, columns=columns)
        return self._wide[rows, columns]


@cache
def _compiled() -> bool:
    """Whether Winograd's way works here."""
    ones = torch.ones(1, 1, 1, 1)
    try:
        winograd_conv2d(ones, ones[0], ones[0, 0, 0], rate=1)
    except Exception as problem:  # compilers refuse a processor or a version in any way they like
        _log.warning("3x3 convolutions take longer without compiled code: %s", problem)
        return False
    return True


@cache
def _one_dnn() -> bool:
    """Whether torch has oneDNN, with convolutions that clamp."""
    ones = torch.ones(1, 1, 1, 1)
    try:
        packed = torch.ops.mkldnn._reorder_convolution_weight(ones, [0, 0], [1, 1], [1, 1], 1, [1, 1, 1, 1])
        torch.ops.mkldnn._convolution_pointwise(ones, packed, None, [0, 0], [1, 1], [1, 1], 1, "relu", [], "")
    except (AttributeError, RuntimeError, TypeError):
        return False
    return True
