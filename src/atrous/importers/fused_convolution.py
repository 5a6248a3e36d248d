"""Convolutions with batch norms fused into kernel and bias, as inference files hold them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32, Float64
from torch import nn

from atrous.model.atrous import AtrousConv
from atrous.sizes import Size

Activation = Literal["none", "relu", "relu6"]


NEAREST = 16
"""Numbers of single precision above and below that are tried for the scale of an identity norm."""


@dataclass(frozen=True)
class FusedConvolution:
    """One convolution as it stands in the file.

    Attributes:
        name: Its scope in the TensorFlow graph, e.g. `MobilenetV2/expanded_conv_1/expand`.
        kernel: In PyTorch's order; a depthwise convolution has one input channel per filter.
        bias: Added per output channel; holds the shift of the fused batch norm.
        groups: 1, or the number of channels (depthwise).
        stride: Input size / output size.
        rate: Distance between filter taps.
        activation: Applied to the output.
        inputs: Names of the convolutions whose outputs reach this one (through sums, concatenations, pooling and
            resizing): in the order of concatenation; sorted where they were added; empty where the image comes in.
        pooled: True if it sees means of whole maps; None where that is not known.
        mean: Running mean of the convolution, where the file still states it.
        variance: Its running variance.
    """

    name: str
    kernel: Float32[np.ndarray, "k c h w"]
    bias: Float32[np.ndarray, " k"]
    groups: int
    stride: int
    rate: int
    activation: Activation
    inputs: tuple[str, ...]
    pooled: bool | None = None
    mean: Float32[np.ndarray, " k"] | None = None
    variance: Float32[np.ndarray, " k"] | None = None


@dataclass(frozen=True)
class FusedNetwork:
    """Network of an inference file.

    Attributes:
        path: The file.
        input_mean: Subtracted from pixel values 0..255 before the first convolution; one number or one per channel.
        input_std: Divisor after the subtraction.
        quantized: True if its numbers are stored in 8 bits or fewer; kernels and biases are dequantised all the same.
        corners_aligned: True if its bilinear resizing aligns corner pixels; None where it resizes nothing.
        size: (height, width) of its image in pixels.
        convolutions: All of them, in the order in which they run; their names differ.
    """

    path: Path
    input_mean: tuple[float, ...]
    input_std: tuple[float, ...]
    quantized: bool
    corners_aligned: bool | None
    size: Size
    convolutions: tuple[FusedConvolution, ...]


def fill_layer(convolution: FusedConvolution, layer: AtrousConv | nn.Conv2d) -> None:
    """Copy a fused convolution into a layer of the same shape.

    Where the layer has a batch norm, that becomes the identity plus the bias, with the statistics that the file knows,
    otherwise mean 0 and variance 1: scale sqrt(variance + epsilon), shift bias + mean. In eval mode the layer computes
    what the file says; for training without known statistics, measure them (`unfold_batch_norms`).
    """
    kernel, bias = torch.from_numpy(convolution.kernel), torch.from_numpy(convolution.bias)
    with torch.no_grad():
        if isinstance(layer, nn.Conv2d):
            layer.weight.copy_(kernel)
            assert layer.bias is not None
            layer.bias.copy_(bias)
            return
        layer.conv.weight.copy_(kernel)
        norm = layer.norm
        norm.reset_running_stats()  # mean 0, variance 1
        assert norm.running_mean is not None
        assert norm.running_var is not None
        if convolution.mean is not None and convolution.variance is not None:
            norm.running_mean.copy_(torch.from_numpy(convolution.mean))
            norm.running_var.copy_(torch.from_numpy(convolution.variance))
        scale, variance = _identity_norm(norm.running_var.numpy().astype(np.float64), epsilon=norm.eps)
        norm.running_var.copy_(torch.from_numpy(variance))
        norm.weight.copy_(torch.from_numpy(scale))
        norm.bias.copy_(bias + norm.running_mean)


def _identity_norm(
    variance: Float64[np.ndarray, " c"], *, epsilon: float
) -> tuple[Float32[np.ndarray, " c"], Float32[np.ndarray, " c"]]:
    """Scale and variance in single precision with scale / sqrt(variance + epsilon) nearest 1.

    Rounded on their own they are off by up to 6e-8, by the same amount in all channels and layers, which adds up in
    fifty layers. Among the numbers next to them is a pair that is off by some 1e-9.
    """
    steps = np.arange(-NEAREST, NEAREST + 1)[:, None]
    nearest = np.sqrt(variance + epsilon).astype(np.float32)
    scales = (nearest + steps * np.spacing(nearest)).astype(np.float64)
    variances = np.maximum(scales**2 - epsilon, 0).astype(np.float32)
    error = np.abs(scales / np.sqrt(variances + np.float64(epsilon)) - 1)
    best = np.argmin(error, axis=0)[None]
    scale, chosen = (np.take_along_axis(values, best, axis=0)[0] for values in (scales, variances))
    return scale.astype(np.float32), chosen.astype(np.float32)
