"""Depthwise convolution for training on a CPU, avoiding the cases in which torch's backward pass is slow.

Measured on two cores with AVX-512 (`docs/log.md`), forward and backward: a dilated one over `[8, 960, 21, 21]` takes
91 ms in bfloat16 as it is and 13 ms as an undilated one over the interleaved maps; a strided one over
`[8, 96, 161, 161]` takes 125 ms in bfloat16 and 37 ms in float32.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from atrous.sizes import ceil_div


def depthwise_conv2d(
    x: Float[Tensor, "b c h w"], kernel: Float[Tensor, "c 1 n n"], *, stride: int, padding: int, rate: int
) -> Float[Tensor, "b c H W"]:
    """Convolve every channel with its own filter, with zero padding on all sides; stride or rate must be 1."""
    slow_backward = x.device.type == "cpu" and torch.is_grad_enabled() and kernel.requires_grad
    if (
        slow_backward
        and stride == 1
        and 1 < rate <= min(x.shape[-2:]) // 3
        and padding == rate * (kernel.shape[-1] // 2)
    ):
        return _by_interleaved_maps(x, kernel, rate=rate)
    if slow_backward and stride > 1 and x.dtype == torch.bfloat16:
        with torch.autocast("cpu", enabled=False):
            return F.conv2d(x.float(), kernel.float(), None, stride, padding, rate, x.shape[1]).to(x.dtype)
    return F.conv2d(x, kernel, None, stride, padding, rate, x.shape[1])


def _by_interleaved_maps(
    x: Float[Tensor, "b c h w"], kernel: Float[Tensor, "c 1 n n"], *, rate: int
) -> Float[Tensor, "b c h w"]:
    """Convolve after space to batch: taps `rate` apart are neighbours in one of rate^2 maps of every rate-th pixel."""
    batch, channels, height, width = x.shape
    rows, columns = ceil_div(height, rate), ceil_div(width, rate)
    padded = F.pad(x, (0, columns * rate - width, 0, rows * rate - height))
    # Channels-last throughout: each permutation copies whole pixels.
    grid = padded.permute(0, 2, 3, 1).reshape(batch, rows, rate, columns, rate, channels)
    maps = grid.permute(0, 2, 4, 1, 3, 5).reshape(batch * rate * rate, rows, columns, channels).permute(0, 3, 1, 2)
    filtered = F.conv2d(maps, kernel, None, 1, kernel.shape[-1] // 2, 1, channels).permute(0, 2, 3, 1)
    grid = filtered.reshape(batch, rate, rate, rows, columns, channels).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(batch, rows * rate, columns * rate, channels)[:, :height, :width].permute(0, 3, 1, 2)
