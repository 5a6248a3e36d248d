"""MobileNetV2 (arXiv 1801.04381, Table 2) up to its 320 channels, as DeepLab uses it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.backbones.features import Features
from atrous.model.backbones.taps import run_units
from atrous.model.conventions import Conventions
from atrous.model.stride_plan import PlannedUnit, Unit, plan_units

STEM_CHANNELS = 32
ENTRY = (PlannedUnit("stem", stride=2, rate=1, output_stride=2),)
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""(expansion, channels, repeats, stride of the first repeat)."""

LOW_UNIT, MIDDLE_UNIT = 2, 5
"""The decoder's taps are inside layer_4 and layer_7: their depthwise outputs, 144 and 192 channels at multiplier 1."""


def rounded_channels(channels: int | float, *, divisor: int) -> int:
    """The next multiple of `divisor` (never less than one), but never below 90 % of `channels`."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def scaled_channels(channels: int, *, depth_multiplier: float, divisor: int | None) -> int:
    """Width at a depth multiplier; divisor None is DeepLab's rule: 8 at multiplier 1, no rounding at any other."""
    if divisor is None:
        divisor = 8 if depth_multiplier == 1.0 else 1
    return rounded_channels(channels * depth_multiplier, divisor=divisor)


class InvertedResidual(nn.Module):
    """1x1 expansion -> 3x3 depthwise -> linear 1x1 projection, added to the input where the shapes agree."""

    def __init__(
        self, in_channels: int, out_channels: int, *, expansion: int, stride: int, conventions: Conventions
    ) -> None:
        super().__init__()
        epsilon, padding = conventions.backbone_epsilon, conventions.conv_padding
        wide = in_channels if expansion == 1 else rounded_channels(in_channels * expansion, divisor=8)
        self.expand = nn.Identity()
        if expansion != 1:
            self.expand = AtrousConv(in_channels, wide, epsilon=epsilon, activation=nn.ReLU6())
        self.depthwise = AtrousConv(
            wide, wide, kernel=3, stride=stride, groups=wide, padding=padding, epsilon=epsilon, activation=nn.ReLU6()
        )
        self.project = AtrousConv(wide, out_channels, epsilon=epsilon)
        # Decided by the classification network: a unit that gives up its stride still has no shortcut.
        self.has_shortcut = stride == 1 and in_channels == out_channels

    def filtered(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b e H W"]:
        """The depthwise output, after batch norm and ReLU6."""
        return self.depthwise(self.expand(x))

    def merged(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b e H W"]) -> Float[Tensor, "b k H W"]:
        """The unit's output from its input and its depthwise output."""
        projected = self.project(filtered)
        return x + projected if self.has_shortcut else projected

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """One unit."""
        return self.merged(x, self.filtered(x))


class MobileNetV2(nn.Module):
    """The backbone of the mobile models.

    Args:
        output_stride: 4, 8, 16 or 32.
        depth_multiplier: Scales all widths.
        channel_divisor: Widths are rounded to multiples of this; None is DeepLab's rule.
        in_channels: Channels of the image.
        conventions: Padding and epsilon.
    """

    def __init__(
        self,
        *,
        conventions: Conventions,
        output_stride: int = 16,
        depth_multiplier: float = 1.0,
        channel_divisor: int | None = None,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        repeats = [
            (expansion, channels, stride if repeat == 0 else 1)
            for expansion, channels, count, stride in STAGES
            for repeat in range(count)
        ]
        widths = [
            scaled_channels(width, depth_multiplier=depth_multiplier, divisor=channel_divisor)
            for width in (STEM_CHANNELS, *(channels for _, channels, _ in repeats))
        ]
        self.stem = AtrousConv(
            in_channels,
            widths[0],
            kernel=3,
            stride=2,
            padding=conventions.conv_padding,
            epsilon=conventions.backbone_epsilon,
            activation=nn.ReLU6(),
        )
        units = nn.ModuleList(
            InvertedResidual(before, after, expansion=expansion, stride=stride, conventions=conventions)
            for (before, after), (expansion, _, stride) in zip(pairwise(widths), repeats, strict=True)
        )
        self.units = cast(Sequence[InvertedResidual], units)
        self._units = tuple(Unit(f"layer_{number}", stride) for number, (*_, stride) in enumerate(repeats, start=2))
        self.low_channels = self.units[LOW_UNIT].depthwise.conv.out_channels
        self.middle_channels = self.units[MIDDLE_UNIT].depthwise.conv.out_channels
        self.high_channels = widths[-1]
        self.entry = ENTRY
        self.plan(output_stride=output_stride)

    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every unit (the stem always strides)."""
        self.planned = plan_units(self._units, entry_stride=self.entry[-1].output_stride, output_stride=output_stride)
        for unit, planned in zip(self.units, self.planned, strict=True):
            unit.depthwise.plan(stride=planned.stride, rate=planned.rate)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Normalised image to features: low 144 channels at output stride 4, middle 192, high 320 (at multiplier 1)."""
        low, middle, high = run_units(self.units, self.stem(image), taps=(LOW_UNIT, MIDDLE_UNIT))
        return Features(low=low, middle=middle, high=high)
