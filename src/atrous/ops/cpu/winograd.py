"""3x3 convolution of stride 1 at any atrous rate with a half to a quarter of the multiplications.

The schemes are those of `winograd_schemes`. The result is that of the plain convolution up to rounding, which is about
ten times that of summing in order: in single precision a few millionths of the outputs' standard deviation. An infinity
or NaN spreads over the tile that contains it.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from atrous.ops.cpu.winograd_schemes import SCHEMES, Schemes, cheapest


def transform_filters(weight: Float[Tensor, "k c 3 3"], chosen: Schemes) -> list[Float[Tensor, "_ c k"]]:
    """Transform filters, in double precision, for each pair of a row and a column scheme: [products, c, k] each."""
    k, c, *_ = weight.shape
    taps = weight.permute(2, 3, 1, 0).reshape(9, c * k).double()
    pairs = (
        np.kron(SCHEMES[row].filter_transform, SCHEMES[column].filter_transform) for row, column in product(*chosen)
    )
    return [(torch.from_numpy(pair).to(taps.device) @ taps).to(weight.dtype).view(-1, c, k) for pair in pairs]


def winograd_conv2d(
    x: Float[Tensor, "b c h w"],
    transformed: Sequence[Float[Tensor, "_ c k"]],
    bias: Float[Tensor, " k"],
    *,
    rate: int,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> Float[Tensor, "b k h w"]:
    """Convolve with 3x3 filters at stride 1 with zero padding, and add a bias; on a CPU, without gradients.

    Args:
        x: Maps of any memory layout; channels-last ones are not copied.
        transformed: Filters from `transform_filters` for the `schemes` of this size and rate.
        bias: One number per output channel.
        rate: Distance between neighbouring taps.
        bounds: Limits to which the outputs are clamped; (0, inf) is a ReLU.

    Returns:
        Maps in channels-last layout.
    """
    from atrous.ops.cpu.winograd_kernels import convolve_tiles

    height, width = x.shape[-2:]
    runs = product(cheapest(height, rate), cheapest(width, rate))
    images = x.permute(0, 2, 3, 1).contiguous()
    out = images.new_empty(len(x), height, width, len(bias))
    for (rows, columns), filters in zip(runs, transformed, strict=True):
        for image, result in zip(images, out, strict=True):
            convolve_tiles(image, result, filters, bias, rows=rows, columns=columns, rate=rate, bounds=bounds)
    return out.permute(0, 3, 1, 2)
