"""Stems of ResNets: one 7x7 convolution, or three 3x3 ("beta", as in the papers' own numbers)."""

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.conventions import Conventions

PLAIN = 64
"""Channels of the 7x7 convolution (arXiv 1512.03385, Table 1)."""

BETA, V1C = (64, 64, 128), (32, 32, 64)
"""Channels of the three convolutions in the official code and in MMSegmentation's ResNetV1c."""


def plain_stem(in_channels: int, *, channels: int = PLAIN, conventions: Conventions) -> AtrousConv:
    """Build a 7x7 convolution of stride 2 with 64 or other channels."""
    return _layer(in_channels, channels, kernel=7, stride=2, conventions=conventions)


class BetaStem(nn.Module):
    """Three 3x3 convolutions, the first of stride 2 (official code, `resnet_v1_beta`; 64, 64 and 128 channels there).

    The parameters and multiply-adds that both papers report for ResNet-101 are those of this stem.
    """

    def __init__(self, in_channels: int, *, widths: tuple[int, int, int] = BETA, conventions: Conventions) -> None:
        super().__init__()
        first, second, self.out_channels = widths
        self.conv1_1 = _layer(in_channels, first, kernel=3, stride=2, conventions=conventions)
        self.conv1_2 = _layer(first, second, kernel=3, stride=1, conventions=conventions)
        self.conv1_3 = _layer(second, self.out_channels, kernel=3, stride=1, conventions=conventions)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute a map at output stride 2."""
        return self.conv1_3(self.conv1_2(self.conv1_1(image)))


def _layer(in_channels: int, out_channels: int, *, kernel: int, stride: int, conventions: Conventions) -> AtrousConv:
    return AtrousConv(
        in_channels,
        out_channels,
        kernel=kernel,
        stride=stride,
        padding=conventions.conv_padding,
        epsilon=conventions.backbone_epsilon,
        activation=nn.ReLU(),
    )
