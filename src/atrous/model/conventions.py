"""Conventions in which TensorFlow's and PyTorch's DeepLab weights differ, as one value stored with the weights."""

import math
from dataclasses import dataclass
from typing import Literal

from atrous.errors import InputError

Padding = Literal["symmetric", "same"]

ImagePadding = Literal["mean", "mirror"]


@dataclass(frozen=True)
class Conventions:
    """Conventions that a set of weights was trained with.

    Attributes:
        conv_padding: Padding of strided convolutions: the same on both sides, or TensorFlow's SAME, which on even sizes
            pads bottom and right only and so samples another grid.
        pool_padding: The same choice for the max pooling of a ResNet's stem.
        align_corners: True where resizing aligns the centres of corner pixels (all of the official code), False where
            it aligns their edges.
        fit: Treatment of a size that is not output stride * k + 1: padded below and right, or nothing (parity with
            systems that do not pad).
        image_padding: Content of that padding: the mean pixel, which is zero after normalisation (official code), or
            the image mirrored at its last row and column, so that a network sees no edge where the image ends.
        stride_unit: Unit of a ResNet block that strides (last in the official code, first in torchvision).
        backbone_epsilon: Added to the variance in the backbone's batch norms.
        head_epsilon: The same in ASPP and decoder.
        input_mean: Subtracted from pixel values 0..255; one number, or one for each of red, green, blue.
        input_std: What is left is divided by this; same form.
    """

    conv_padding: Padding = "symmetric"
    pool_padding: Padding = "symmetric"
    align_corners: bool = True
    fit: Literal["os*k+1", "none"] = "os*k+1"
    image_padding: ImagePadding = "mean"
    stride_unit: Literal["first", "last"] = "last"
    backbone_epsilon: float = 1e-5
    head_epsilon: float = 1e-5
    input_mean: tuple[float, ...] = (127.5,)
    input_std: tuple[float, ...] = (127.5,)

    def __post_init__(self) -> None:
        """Reject values no network can run with."""
        if not (self.input_mean and self.input_std):
            raise InputError("input mean and std are one number each, or one for each channel")
        positive = (*self.input_std, self.backbone_epsilon, self.head_epsilon)
        if not all(map(math.isfinite, (*self.input_mean, *positive))) or min(positive) <= 0:
            raise InputError("input mean must be finite; input std and the epsilons of batch norm also positive")

    def input_scaling(self, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and deviation of each channel; unless there are three, all have the average constant."""
        constants = (self.input_mean, self.input_std)
        mean, std = (c if len(c) == channels else (sum(c) / len(c),) * channels for c in constants)
        return mean, std


TENSORFLOW = Conventions(conv_padding="same", pool_padding="same", backbone_epsilon=1e-3)
"""The official code: x / 127.5 - 1, SAME padding, aligned corners, epsilon 1e-3 (MobileNetV2, Xception), heads 1e-5."""

PYTORCH = Conventions(
    align_corners=False,
    fit="none",
    stride_unit="first",
    input_mean=(123.675, 116.28, 103.53),
    input_std=(58.395, 57.12, 57.375),
)
"""torchvision: ImageNet mean and standard deviation, symmetric padding, corners not aligned, epsilon 1e-5."""
