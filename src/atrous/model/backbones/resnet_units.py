"""Residual units of ResNets: two 3x3 convolutions, or a 3x3 between two 1x1 (arXiv 1512.03385, Figure 5)."""

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.backbones.units import ResidualUnit, Subsample
from atrous.model.compatibility import StridedLayer
from atrous.model.conventions import Conventions


class ResNetUnit(ResidualUnit):
    """A residual that is added to the shortcut, then ReLU; subclasses compute the residual."""

    shortcut: AtrousConv | Subsample
    activation: nn.ReLU

    def second_half(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b k H W"]) -> Float[Tensor, "b k H W"]:
        """Add residual and shortcut, then ReLU."""
        return self.activation(filtered + self.shortcut(x))


class BasicUnit(ResNetUnit):
    """3x3 (stride, rate) -> 3x3 (rate), added to the shortcut, then ReLU: the unit of ResNet-18 and -34."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, *, stride: int, conventions: Conventions) -> None:
        super().__init__()
        padding, epsilon = conventions.conv_padding, conventions.backbone_epsilon
        self.first = AtrousConv(
            in_channels, width, kernel=3, stride=stride, padding=padding, epsilon=epsilon, activation=nn.ReLU()
        )
        self.second = AtrousConv(width, width, kernel=3, padding=padding, epsilon=epsilon)
        self.shortcut = _shortcut(in_channels, width, stride=stride, conventions=conventions)
        self.activation = nn.ReLU()

    def plan(self, *, stride: int, rate: int, second_rate: int | None = None) -> None:
        """Set the stride of first convolution and shortcut, and the rates of both convolutions, by default equal."""
        self.first.plan(stride=stride, rate=rate)
        self.second.plan(stride=1, rate=rate if second_rate is None else second_rate)
        self.shortcut.plan(stride=stride, rate=1)

    def first_half(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the residual, which is added to the shortcut."""
        return self.second(self.first(x))


class Bottleneck(ResNetUnit):
    """1x1 -> 3x3 (rate) -> 1x1, added to the shortcut, then ReLU: the unit of ResNet-50, -101 and -152.

    Args:
        in_channels: Channels of the input.
        width: Channels of the 3x3 convolution; the output has four times as many.
        stride: Input size / output size.
        conventions: Padding and epsilon.
        strided_layer: Convolution that strides: the 3x3, or the 1x1 before it.
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        width: int,
        *,
        stride: int,
        conventions: Conventions,
        strided_layer: StridedLayer = "3x3",
    ) -> None:
        super().__init__()
        padding, epsilon = conventions.conv_padding, conventions.backbone_epsilon
        self.reduce = AtrousConv(in_channels, width, epsilon=epsilon, activation=nn.ReLU())
        self.atrous = AtrousConv(width, width, kernel=3, padding=padding, epsilon=epsilon, activation=nn.ReLU())
        self.restore = AtrousConv(width, width * self.expansion, epsilon=epsilon)
        self.shortcut = _shortcut(in_channels, width * self.expansion, stride=stride, conventions=conventions)
        self.activation = nn.ReLU()
        self._strided_layer: StridedLayer = strided_layer
        self.plan(stride=stride, rate=1)

    def plan(self, *, stride: int, rate: int) -> None:
        """Set the rate of the 3x3 convolution, and the stride of the layer that strides and of the shortcut."""
        first, second = (stride, 1) if self._strided_layer == "1x1" else (1, stride)
        self.reduce.plan(stride=first, rate=1)
        self.atrous.plan(stride=second, rate=rate)
        self.shortcut.plan(stride=stride, rate=1)

    def first_half(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the residual, which is added to the shortcut."""
        return self.restore(self.atrous(self.reduce(x)))


def _shortcut(in_channels: int, out_channels: int, *, stride: int, conventions: Conventions) -> AtrousConv | Subsample:
    """Build a 1x1 convolution where the channels differ, else the identity at every stride-th position."""
    if in_channels == out_channels:
        return Subsample(stride)
    return AtrousConv(in_channels, out_channels, stride=stride, epsilon=conventions.backbone_epsilon)
