"""Means and bilinear resizing of feature maps.

They are modules so that tiled inference can replace them: a tile needs the means and the grid of the whole image.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from atrous.sizes import Size


class ImageMean(nn.Module):
    """Mean of each channel over the whole map: for image pooling, Lite R-ASPP and squeeze-and-excite."""

    def plan(self, *, output_stride: int) -> None:
        """Do nothing: the mean does not depend on the output stride."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 1 1"]:
        """Average over height and width."""
        return x.mean(dim=(2, 3), keepdim=True)


class WindowMeans(nn.Module):
    """Means over overlapping windows, in the place of the mean of the whole map.

    A map smaller than the window counts as one window.

    Args:
        window: (height, width) of a window in pixels of the image.
        stride: (down, right) from window to window, in pixels of the image.
        output_stride: Image size / map size.
    """

    def __init__(self, *, window: Size, stride: Size, output_stride: int = 16) -> None:
        super().__init__()
        self.pixels = (window, stride)
        self.plan(output_stride=output_stride)

    def plan(self, *, output_stride: int) -> None:
        """Set window and stride in positions of the map."""
        (height, width), (down, right) = self.pixels
        # 769 pixels are 25 positions at output stride 32: their corners coincide (official code, `scale_dimension`).
        self.window = ((height - 1) // output_stride + 1, (width - 1) // output_stride + 1)
        self.stride = (max(down // output_stride, 1), max(right // output_stride, 1))

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Average over every window that is inside the map."""
        height, width = (min(window, length) for window, length in zip(self.window, x.shape[-2:], strict=True))
        return F.avg_pool2d(x, (height, width), self.stride)


class Resize(nn.Module):
    """Bilinear resizing to a given size.

    Args:
        align_corners: True where the centres of corner pixels coincide, False where their edges do.
    """

    def __init__(self, *, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners

    def forward(self, x: Float[Tensor, "b c h w"], size: Size) -> Float[Tensor, "b c H W"]:
        """Resize a map to a size (height, width)."""
        return F.interpolate(x, size=size, mode="bilinear", align_corners=self.align_corners)
