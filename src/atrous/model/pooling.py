"""Means over windows the size of a training crop, in the place of that of the whole map."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from atrous.sizes import Size


class WindowMeans(nn.Module):
    """Means over windows that overlap; a map smaller than the window is one window.

    Args:
        window: (height, width) in pixels of the image.
        stride: (down, right) from window to window, likewise.
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
        """One position for every window that lies inside."""
        height, width = (min(window, length) for window, length in zip(self.window, x.shape[-2:], strict=True))
        return F.avg_pool2d(x, (height, width), self.stride)
