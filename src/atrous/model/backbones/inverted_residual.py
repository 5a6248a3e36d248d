"""Inverted residual, the unit of MobileNetV2, MobileNetV3 and EfficientNet (arXiv 1801.04381, section 3.3)."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.backbones.units import ResidualUnit
from atrous.model.conventions import Conventions


class ZeroPadding(nn.Module):
    """Zeros on all sides, `margin` positions wide."""

    margin = 1

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Pad the map."""
        return F.pad(x, (self.margin,) * 4)


class InvertedResidual(ResidualUnit):
    """1x1 expansion -> depthwise -> gate -> linear 1x1 projection, added to the input where the shapes agree.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        wide: Channels of the depthwise convolution; without an expansion if equal to `in_channels`.
        stride: Stride in the classification network.
        kernel: Kernel size of the depthwise convolution.
        activation: Activation after expansion and depthwise convolution.
        gate: Module between depthwise convolution and projection, as squeeze-and-excite; MobileNetV2 has none.
        border: Module that puts zeros around the input of the expansion; then the depthwise convolution does not pad.
        conventions: Padding and epsilon.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        wide: int,
        stride: int,
        kernel: int = 3,
        activation: nn.Module,
        gate: nn.Module | None = None,
        border: ZeroPadding | None = None,
        conventions: Conventions,
    ) -> None:
        super().__init__()
        epsilon, padding = conventions.backbone_epsilon, conventions.conv_padding
        self.border = border
        self.expand = nn.Identity()
        if wide != in_channels:
            self.expand = AtrousConv(in_channels, wide, epsilon=epsilon, activation=activation)
        self.depthwise = AtrousConv(
            wide,
            wide,
            kernel=kernel,
            stride=stride,
            groups=wide,
            padding=padding,
            epsilon=epsilon,
            activation=activation,
        )
        self.gate = nn.Identity() if gate is None else gate
        self.project = AtrousConv(wide, out_channels, epsilon=epsilon)
        # Decided by the classification network: a unit that gives up its stride still has no shortcut.
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def plan(self, *, stride: int, rate: int) -> None:
        """Set stride and rate of the depthwise convolution."""
        self.depthwise.plan(stride=stride, rate=rate)
        if self.border is not None:
            self.border.margin, self.depthwise.conv.padding = rate, (0, 0)

    def first_half(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b e H W"]:
        """Compute the depthwise output, after batch norm and activation."""
        return self.depthwise(self.expand(x if self.border is None else self.border(x)))

    def second_half(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b e H W"]) -> Float[Tensor, "b k H W"]:
        """Gate and project the depthwise output, and add the input where the unit has a shortcut."""
        projected = self.project(self.gate(filtered))
        return x + projected if self.has_shortcut else projected
