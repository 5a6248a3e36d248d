"""Bilinear resizing of a map inside a network."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from atrous.sizes import Size


class Resize(nn.Module):
    """To the size of another map, a module so that tiles can be laid over the map of the whole picture.

    Args:
        align_corners: Whether corner pixels' centres (True) or edges (False) coincide.
    """

    def __init__(self, *, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners

    def forward(self, x: Float[Tensor, "b c h w"], size: Size) -> Float[Tensor, "b c H W"]:
        """The map at a size (height, width)."""
        return F.interpolate(x, size=size, mode="bilinear", align_corners=self.align_corners)
