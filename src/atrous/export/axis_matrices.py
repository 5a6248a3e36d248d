"""Bilinear resizing and window means as two matrix products, whose sizes may be symbols of an exported graph.

    resized = rows @ map @ columns^T

Each matrix has a row for every output position. Its numbers come from integer divisions, so that they are exact up to
the rounding of one quotient: engines agree on them whatever the size of the image.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.resampling import WindowMeans
from atrous.sizes import Size


def interpolation_matrix(crop: int, *, length: int, source: int, align_corners: bool) -> Float[Tensor, "crop source"]:
    """Weights of linear interpolation from an axis of `source` positions.

    Args:
        crop: Number of pixels that are wanted, from the first on.
        length: Number of pixels that the positions span.
        source: Number of positions.
        align_corners: True if the centres of the outermost pixels coincide, False if their edges do.
    """
    pixels = torch.arange(crop)
    if align_corners:
        denominator = torch.sym_max(length - 1, 1)
        numerator = pixels * (source - 1)
    else:
        denominator = 2 * length
        numerator = ((2 * pixels + 1) * source - length).clamp(min=0)
        numerator = torch.minimum(numerator, torch.full_like(numerator, denominator * (source - 1)))
    first = numerator // denominator
    weight = ((numerator - first * denominator).to(torch.float32) / denominator)[:, None]
    distance = torch.arange(source)[None] - first[:, None]
    return torch.where(distance == 0, 1 - weight, 0.0) + torch.where(distance == 1, weight, 0.0)


def mean_matrix(source: int, *, window: int, stride: int) -> Float[Tensor, "windows source"]:
    """Weights of the means over windows along an axis; a window is at most as long as the axis."""
    length: int = cast(int, torch.sym_min(window, source))
    starts = torch.arange((source - length) // stride + 1)[:, None] * stride
    positions = torch.arange(source)[None]
    return torch.where((positions >= starts) & (positions < starts + length), 1.0, 0.0) / length


def apply_to_axes(
    x: Float[Tensor, "b c h w"], rows: Float[Tensor, "H h"], columns: Float[Tensor, "W w"]
) -> Float[Tensor, "b c H W"]:
    """Multiply a map by a matrix for its rows and one for its columns."""
    return rows.to(x.dtype) @ (x @ columns.to(x.dtype).transpose(0, 1))


class MatrixResize(nn.Module):
    """`Resize` as two matrix products."""

    def __init__(self, *, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners

    def forward(self, x: Float[Tensor, "b c h w"], size: Size) -> Float[Tensor, "b c H W"]:
        """Resize a map to a size (height, width)."""
        rows, columns = (
            interpolation_matrix(length, length=length, source=source, align_corners=self.align_corners)
            for length, source in zip(size, x.shape[-2:], strict=True)
        )
        return apply_to_axes(x, rows, columns)


class MatrixWindowMeans(nn.Module):
    """`WindowMeans` as two matrix products, at the output stride for which the means are planned."""

    def __init__(self, means: WindowMeans) -> None:
        super().__init__()
        self.window, self.stride = means.window, means.stride

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Average over every window that is inside the map."""
        rows, columns = (
            mean_matrix(source, window=window, stride=stride)
            for source, window, stride in zip(x.shape[-2:], self.window, self.stride, strict=True)
        )
        return apply_to_axes(x, rows, columns)
