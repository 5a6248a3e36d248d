"""Lite R-ASPP, the head of MobileNetV3 (arXiv 1905.02244, section 6.4 and Figure 10)."""

from collections.abc import Iterator

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.parts import Part
from atrous.model.resampling import ImageMean, Resize, WindowMeans
from atrous.model.stride_plan import check_head_stride
from atrous.sizes import Size


class LRASPP(nn.Module):
    """1x1 features, each channel multiplied by a gate, 0..1, that is computed from the means of all channels.

    Args:
        in_channels: Channels of the backbone's high map.
        pool: Means that the gates are computed from.
        activation: Activation of the gates.
        channels: Channels of both branches.
        align_corners: True where resizing aligns the centres of corner pixels, False where it aligns their edges.
        epsilon: Added to the variance in the batch norm.
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
        """Set the windows for an output stride.

        Raises:
            InputError: If there is no such head at this output stride.
        """
        check_head_stride(output_stride)
        self.pool.plan(output_stride=output_stride)

    def parts(self, *, after: str, output_stride: int) -> Iterator[Part]:
        """Yield the 1x1 features, which take the part `after`; the gates see the whole map."""
        yield Part("features", 1, 1, output_stride, self.features, (after,))

    def forward(self, x: Float[Tensor, "b c h w"], *, size: Size) -> Float[Tensor, "b k H W"]:
        """Encode the map, 128 channels in the paper, and upsample it to a size (height, width)."""
        height, width = x.shape[-2:]
        gates = self.activation(self.gate(self.pool(x)))
        return self.resize(self.features(x) * self.resize(gates, (height, width)), size)
