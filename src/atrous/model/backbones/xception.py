"""Modified Aligned Xception-41, -65 and -71 (DeepLabv3+, section 3.2, Figure 4; official code `core/xception.py`)."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv, SeparableAtrousConv
from atrous.model.backbones.backbone import Backbone, Features
from atrous.model.backbones.mobilenet_v2 import scaled_channels
from atrous.model.backbones.units import ResidualUnit, Subsample, UnitSequence
from atrous.model.conventions import Conventions
from atrous.model.stride_plan import PlannedUnit, Unit, plan_units

ENTRY = (
    PlannedUnit("conv1_1", stride=2, rate=1, output_stride=2),
    PlannedUnit("conv1_2", stride=1, rate=1, output_stride=2),
)

Widths = tuple[int, int, int]


class EntryFlow(NamedTuple):
    """(channels, stride) of each unit, and the units with the skip features, which leave output strides 4 and 8."""

    units: tuple[tuple[int, int], ...]
    low_unit: int
    middle_unit: int


SHORT_ENTRY = EntryFlow(((128, 2), (256, 2), (728, 2)), low_unit=1, middle_unit=2)
LONG_ENTRY = EntryFlow(((128, 2), (256, 1), (256, 2), (728, 1), (728, 2)), low_unit=2, middle_unit=4)
DEPTHS = {41: (SHORT_ENTRY, 8), 65: (SHORT_ENTRY, 16), 71: (LONG_ENTRY, 16)}
"""Entry flow and number of units of the middle flow."""

MIDDLE_WIDTHS: Widths = (728, 728, 728)
EXIT_WIDTHS: tuple[Widths, Widths] = ((728, 1024, 1024), (1536, 1536, 2048))
"""Channels after each separable convolution of a unit."""


class XceptionUnit(ResidualUnit):
    """Three times ReLU -> separable convolution, the third strides; added to the shortcut, with no ReLU after it.

    Depthwise and pointwise have a batch norm each, but nothing between them (official code; the paper has a ReLU).

    Args:
        in_channels: Channels of the input.
        widths: Channels after each of the three convolutions.
        shortcut: Convolution in entry and exit flow, identity in the middle flow.
        conventions: Padding and epsilon.
    """

    def __init__(
        self, in_channels: int, widths: Widths, shortcut: AtrousConv | Subsample, *, conventions: Conventions
    ) -> None:
        super().__init__()
        self.activation = nn.ReLU()
        self.separable1 = _separable(in_channels, widths[0], conventions=conventions)
        self.separable2 = _separable(widths[0], widths[1], conventions=conventions)
        self.separable3 = _separable(widths[1], widths[2], conventions=conventions)
        self.shortcut = shortcut

    def plan(self, *, stride: int, rate: int) -> None:
        """Set the rate of all three convolutions; the last one and the shortcut stride."""
        self.separable1.plan(stride=1, rate=rate)
        self.separable2.plan(stride=1, rate=rate)
        self.separable3.plan(stride=stride, rate=rate)
        self.shortcut.plan(stride=stride, rate=1)

    def first_half(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b m h w"]:
        """Compute the output of the second convolution, after batch norm and before any ReLU."""
        return self.separable2(self.activation(self.separable1(self.activation(x))))

    def second_half(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b m h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the third convolution, and add the shortcut."""
        return self.separable3(self.activation(filtered)) + self.shortcut(x)


class ExitUnit(nn.Module):
    """The last unit: three separable convolutions, each with two ReLUs, and no shortcut."""

    def __init__(self, in_channels: int, widths: Widths, *, conventions: Conventions) -> None:
        super().__init__()
        self.separable1 = _separable(in_channels, widths[0], conventions=conventions, activation=nn.ReLU())
        self.separable2 = _separable(widths[0], widths[1], conventions=conventions, activation=nn.ReLU())
        self.separable3 = _separable(widths[1], widths[2], conventions=conventions, activation=nn.ReLU())

    def plan(self, *, stride: int, rate: int) -> None:
        """Set the rate of all three convolutions; the last one strides."""
        self.separable1.plan(stride=1, rate=rate)
        self.separable2.plan(stride=1, rate=rate)
        self.separable3.plan(stride=stride, rate=rate)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the three convolutions."""
        return self.separable3(self.separable2(self.separable1(x)))


class Xception(Backbone):
    """Entry, middle and exit flow.

    Args:
        output_stride: 4, 8, 16 or 32.
        depth: 41, 65 or 71.
        depth_multiplier: Scales the width of all layers, rounded to multiples of 8.
        in_channels: Channels of the image.
        conventions: Padding and epsilon.
    """

    def __init__(
        self,
        *,
        conventions: Conventions,
        output_stride: int = 16,
        depth: int = 65,
        depth_multiplier: float = 1.0,
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        epsilon, padding = conventions.backbone_epsilon, conventions.conv_padding
        entry_flow, middle_units = DEPTHS[depth]

        def scaled(channels: int) -> int:
            return scaled_channels(channels, depth_multiplier=depth_multiplier, divisor=8)

        first, second = scaled(32), scaled(64)
        self.conv1_1 = AtrousConv(
            in_channels, first, kernel=3, stride=2, padding=padding, epsilon=epsilon, activation=nn.ReLU()
        )
        self.conv1_2 = AtrousConv(first, second, kernel=3, epsilon=epsilon, activation=nn.ReLU())
        widths = (second, *(scaled(channels) for channels, _ in entry_flow.units))
        middle, *exits = (_scaled_widths(group, scaled) for group in (MIDDLE_WIDTHS, *EXIT_WIDTHS))
        units = [_unit(before, (after, after, after), conventions=conventions) for before, after in pairwise(widths)]
        units += [XceptionUnit(widths[-1], middle, Subsample(1), conventions=conventions) for _ in range(middle_units)]
        units.append(_unit(widths[-1], exits[0], conventions=conventions))
        self.units = UnitSequence(units, inside=(entry_flow.low_unit, entry_flow.middle_unit))
        self.last = ExitUnit(exits[0][-1], exits[1], conventions=conventions)
        self._units = tuple(_planned_units(entry_flow, middle_units=middle_units))
        self.first_channels = second
        self.low_channels = widths[entry_flow.low_unit + 1]
        self.middle_channels = widths[entry_flow.middle_unit + 1]
        self.high_channels = exits[1][-1]
        self.entry = ENTRY
        self.plan(output_stride=output_stride)

    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every unit (the first convolution always strides)."""
        self.planned = plan_units(self._units, entry_stride=self.entry[-1].output_stride, output_stride=output_stride)
        self.units.plan(self.planned[:-1])
        self.last.plan(stride=self.planned[-1].stride, rate=self.planned[-1].rate)

    def layers(self) -> tuple[nn.Module, ...]:
        """Modules of `entry` and `planned`, in their order."""
        return (self.conv1_1, self.conv1_2, *self.units, self.last)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Compute features: low 256 channels at output stride 4, middle 728, high 2048."""
        return self._features(self.conv1_2(self.conv1_1(image)))

    def with_first(self, image: Float[Tensor, "b c h w"]) -> tuple[Features, Float[Tensor, "b f h2 w2"]]:
        """Compute features, and the output of the second convolution at output stride 2."""
        first = self.conv1_2(self.conv1_1(image))
        return self._features(first), first

    def _features(self, first: Float[Tensor, "b f h2 w2"]) -> Features:
        low, middle, x = self.units(first)
        return Features(low=low, middle=middle, high=self.last(x))


def _scaled_widths(widths: Widths, scaled: Callable[[int], int]) -> Widths:
    first, second, third = map(scaled, widths)
    return first, second, third


def _separable(
    in_channels: int, out_channels: int, *, conventions: Conventions, activation: nn.Module | None = None
) -> SeparableAtrousConv:
    return SeparableAtrousConv(
        in_channels,
        out_channels,
        padding=conventions.conv_padding,
        epsilon=conventions.backbone_epsilon,
        activation=activation,
    )


def _unit(in_channels: int, widths: Widths, *, conventions: Conventions) -> XceptionUnit:
    """Build a unit with a convolution as shortcut, even where the channels agree (block3, block5 of Xception-71)."""
    shortcut = AtrousConv(in_channels, widths[-1], epsilon=conventions.backbone_epsilon)
    return XceptionUnit(in_channels, widths, shortcut, conventions=conventions)


def _planned_units(entry_flow: EntryFlow, *, middle_units: int) -> Iterator[Unit]:
    """Yield the units by the official code's names, with their strides in the classification network."""
    for number, (_, stride) in enumerate(entry_flow.units, start=1):
        yield Unit(f"entry_flow/block{number}", stride)
    for number in range(1, middle_units + 1):
        yield Unit(f"middle_flow/block1/unit_{number}")
    yield Unit("exit_flow/block1", 2)
    yield Unit("exit_flow/block2")
