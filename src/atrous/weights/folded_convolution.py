"""A convolution whose batch norm was folded into kernel and bias: what inference files of other systems hold."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn

from atrous.model.atrous import AtrousConv

Activation = Literal["none", "relu", "relu6"]


@dataclass(frozen=True)
class FoldedConvolution:
    """One convolution as it stands in the file.

    Attributes:
        name: Its scope in the TensorFlow graph, e.g. `MobilenetV2/expanded_conv_1/expand`.
        kernel: In PyTorch's order; a depthwise convolution has one input channel per filter.
        bias: Added per output channel; holds what batch norm subtracted and added.
        groups: 1, or the number of channels (depthwise).
        stride: Input size / output size.
        rate: Distance between filter taps.
        activation: Applied to the output.
        inputs: Names of the convolutions whose outputs reach this one (through sums, concatenations, pooling and
            resizing): in the order of concatenation; sorted where they were added; empty where the image comes in.
    """

    name: str
    kernel: Float32[np.ndarray, "k c h w"]
    bias: Float32[np.ndarray, " k"]
    groups: int
    stride: int
    rate: int
    activation: Activation
    inputs: tuple[str, ...]


def fill_layer(convolution: FoldedConvolution, layer: AtrousConv | nn.Conv2d) -> None:
    """Copy a folded convolution into a layer of the same shape.

    Where the layer has a batch norm, that becomes the identity plus the bias: mean 0, variance 1, scale
    sqrt(1 + epsilon). In eval mode the layer computes what the file says; for training, give the batch norms real
    statistics (`unfold_batch_norms`).
    """
    kernel, bias = torch.from_numpy(convolution.kernel), torch.from_numpy(convolution.bias)
    with torch.no_grad():
        if isinstance(layer, nn.Conv2d):
            layer.weight.copy_(kernel)
            assert layer.bias is not None
            layer.bias.copy_(bias)
            return
        layer.conv.weight.copy_(kernel)
        layer.norm.reset_running_stats()  # mean 0, variance 1
        layer.norm.weight.fill_(math.sqrt(1 + layer.norm.eps))
        layer.norm.bias.copy_(bias)
