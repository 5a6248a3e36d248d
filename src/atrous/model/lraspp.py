"""Lite R-ASPP, the head of MobileNetV3 (arXiv 1905.02244, section 6.4 and Figure 10)."""

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.image_mean import ImageMean
from atrous.model.pooling import WindowMeans
from atrous.model.resize import Resize
from atrous.sizes import Size


class LRASPP(nn.Module):
    """1x1 features, each channel let through a gate, 0..1, that the means of all channels open.

    Args:
        in_channels: Channels of the backbone's high map.
        pool: What the gates see.
        activation: Of the gates.
        channels: Of both branches.
        align_corners: Of the placement.
        epsilon: Of the batch norm.
    """

    def __init__(
        self,
        in_channels: int,
        pool: ImageMean | WindowMeans,
        activation: nn.Module,
        *,
        channels: int = 128,
        align_corners: bool = True,
        epsilon: float = 1e-5,
    ) -> None:
        super().__init__()
        self.resize = Resize(align_corners=align_corners)
        self.features = AtrousConv(in_channels, channels, epsilon=epsilon, activation=nn.ReLU())
        self.pool = pool
        self.gate = nn.Conv2d(in_channels, channels, 1)
        self.activation = activation
        self.out_channels = channels

    def plan(self, *, output_stride: int) -> None:
        """Set the windows for an output stride."""
        self.pool.plan(output_stride=output_stride)

    def forward(self, x: Float[Tensor, "b c h w"], *, size: Size) -> Float[Tensor, "b k H W"]:
        """The encoder's output, 128 channels in the paper, upsampled to a size (height, width)."""
        height, width = x.shape[-2:]
        gates = self.activation(self.gate(self.pool(x)))
        return self.resize(self.features(x) * self.resize(gates, (height, width)), size)
