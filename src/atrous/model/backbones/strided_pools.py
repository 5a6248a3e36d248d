"""Poolings of classification networks whose taps can be apart, as those of atrous convolutions."""

import math
from typing import Any, cast

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from atrous.sizes import ceil_div


class AtrousAveragePool(nn.Module):
    """Average pooling whose taps can be apart; taps outside the map do not count.

    Args:
        pool: Pooling of a classification network, without counted padding.
    """

    def __init__(self, pool: nn.AvgPool2d) -> None:
        super().__init__()
        self.kernel_size, self.unplanned_stride = pair(pool.kernel_size), pair(pool.stride)
        self.margin, self.rounds_up = pair(pool.padding), pool.ceil_mode
        self.stride, self.dilation, self.keeps_size = self.unplanned_stride, (1, 1), False

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Divide the sums of the taps by the number of taps inside the map."""
        channels, (height, width) = x.shape[1], x.shape[-2:]
        padding = (*self._padding(width, axis=1), *self._padding(height, axis=0))
        ones = x.new_ones(channels, 1, *self.kernel_size)
        counts = F.pad(x.new_ones(1, channels, height, width), padding)
        sums, numbers = (
            F.conv2d(padded, ones, None, self.stride, 0, self.dilation, channels)
            for padded in (F.pad(x, padding), counts)
        )
        return sums / numbers

    def _padding(self, length: int, *, axis: int) -> tuple[int, int]:
        """Zeros before and after one axis, so that the windows of the classification network are among these."""
        rate, kernel, stride, margin = (
            values[axis] for values in (self.dilation, self.kernel_size, self.unplanned_stride, self.margin)
        )
        if not self.rounds_up:
            wanted = max(kernel - 1 - margin, margin) if self.keeps_size else margin
            return margin * rate, wanted * rate
        coarse = ceil_div(length - 1, rate) + 1
        last = ceil_div(coarse + 2 * margin - kernel, stride)
        last -= last * stride >= coarse + margin  # no window begins behind the map
        return margin * rate, (last * stride + kernel - 1 - margin) * rate + 1 - length


class AtrousBlurPool(nn.Module):
    """Binomial blur with a stride (Zhang 2019, arXiv 1904.11486), as timm's `BlurPool2d`, whose taps can be apart.

    Args:
        pool: `BlurPool2d` of timm.
    """

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        module = cast(Any, pool)
        self.kernel_size, self.pad_mode = int(module.filt_size), str(module.pad_mode)
        self.margin = int(module.padding[0])
        self.stride, self.dilation = pair(module.stride), (1, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Average the taps by binomial coefficients; beyond the edges the map is reflected, or zero."""
        order = self.kernel_size - 1
        row = x.new_tensor([math.comb(order, tap) / 2**order for tap in range(self.kernel_size)])
        kernel = (row[:, None] * row).expand(x.shape[1], 1, -1, -1)
        horizontal, vertical = self.margin * self.dilation[1], self.margin * self.dilation[0]
        padded = F.pad(x, (horizontal, horizontal, vertical, vertical), mode=self.pad_mode)
        return F.conv2d(padded, kernel, None, self.stride, 0, self.dilation, x.shape[1])


def is_blur(module: nn.Module) -> bool:
    """Return True for a blur pooling of timm, which need not be installed to ask."""
    return type(module).__name__ == "BlurPool2d" and hasattr(module, "filt_size")


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """Return (vertical, horizontal) of a layer's setting that may be one number."""
    return (value, value) if isinstance(value, int) else (value[0], value[-1])
