"""The mean of a whole map: what image pooling, the gates of Lite R-ASPP and squeeze-and-excite look at."""

from jaxtyping import Float
from torch import Tensor, nn


class ImageMean(nn.Module):
    """The mean of the whole map, a module so that tiles can be given that of the whole picture."""

    def plan(self, *, output_stride: int) -> None:
        """Nothing depends on the output stride."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c 1 1"]:
        """One position."""
        return x.mean(dim=(2, 3), keepdim=True)
