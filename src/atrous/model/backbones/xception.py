"""Modified Aligned Xception-41, -65 and -71 (DeepLabv3+, section 3.2, Figure 4; official code `core/xception.py`)."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, cast

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv, SeparableAtrousConv
from atrous.model.backbones.features import Features
from atrous.model.backbones.skip_features import run_units
from atrous.model.backbones.subsample import Subsample
from atrous.model.conventions import Conventions
from atrous.model.stride_plan import PlannedUnit, Unit, plan_units

ENTRY = (
    PlannedUnit("conv1_1", stride=2, rate=1, output_stride=2),
    PlannedUnit("conv1_2", stride=1, rate=1, output_stride=2),
)

Widths = tuple[int, int, int]


class EntryFlow(NamedTuple):
    """(channels, stride) of each unit, and which two hold the taps: those that leave output strides 4 and 8."""

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


class XceptionUnit(nn.Module):
    """Three times ReLU -> separable convolution, the third strides; added to the shortcut, with no ReLU after it.

    Depthwise and pointwise have a batch norm each, but nothing between them (official code; the paper has a ReLU).

    Args:
        widths: Channels after each of the three.
        shortcut: A convolution in entry and exit flow, the identity in the middle flow.
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

    def filtered(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b m h w"]:
        """What the second convolution gives: the decoder's tap, after batch norm and before any ReLU."""
        return self.separable2(self.activation(self.separable1(self.activation(x))))

    def merged(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b m h w"]) -> Float[Tensor, "b k H W"]:
        """The unit's output from its input and what its second convolution gave."""
        return self.separable3(self.activation(filtered)) + self.shortcut(x)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """One unit."""
        return self.merged(x, self.filtered(x))


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
        """One unit."""
        return self.separable3(self.separable2(self.separable1(x)))


class Xception(nn.Module):
    """Entry, middle and exit flow.

    Args:
        output_stride: 4, 8, 16 or 32.
        depth: 41, 65 or 71.
        in_channels: Channels of the image.
        conventions: Padding and epsilon.
    """

    def __init__(
        self, *, conventions: Conventions, output_stride: int = 16, depth: int = 65, in_channels: int = 3
    ) -> None:
        super().__init__()
        epsilon, padding = conventions.backbone_epsilon, conventions.conv_padding
        entry_flow, middle_units = DEPTHS[depth]
        self.conv1_1 = AtrousConv(
            in_channels, 32, kernel=3, stride=2, padding=padding, epsilon=epsilon, activation=nn.ReLU()
        )
        self.conv1_2 = AtrousConv(32, 64, kernel=3, epsilon=epsilon, activation=nn.ReLU())
        widths = (self.conv1_2.out_channels, *(channels for channels, _ in entry_flow.units))
        units = nn.ModuleList(
            _unit(before, (after, after, after), conventions=conventions) for before, after in pairwise(widths)
        )
        for _ in range(middle_units):
            units.append(XceptionUnit(widths[-1], MIDDLE_WIDTHS, Subsample(1), conventions=conventions))
        units.append(_unit(widths[-1], EXIT_WIDTHS[0], conventions=conventions))
        self.units = cast(Sequence[XceptionUnit], units)
        self.last = ExitUnit(EXIT_WIDTHS[0][-1], EXIT_WIDTHS[1], conventions=conventions)
        self._units = tuple(_planned_units(entry_flow, middle_units=middle_units))
        self._taps = (entry_flow.low_unit, entry_flow.middle_unit)
        self.low_channels = entry_flow.units[entry_flow.low_unit][0]
        self.middle_channels = entry_flow.units[entry_flow.middle_unit][0]
        self.high_channels = EXIT_WIDTHS[1][-1]
        self.entry = ENTRY
        self.plan(output_stride=output_stride)

    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every unit (the first convolution always strides)."""
        self.planned = plan_units(self._units, entry_stride=self.entry[-1].output_stride, output_stride=output_stride)
        for unit, planned in zip((*self.units, self.last), self.planned, strict=True):
            unit.plan(stride=planned.stride, rate=planned.rate)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Normalised image to features: low 256 channels at output stride 4, middle 728, high 2048."""
        entered = self.conv1_2(self.conv1_1(image))
        low, middle, x = run_units(self.units, entered, skips=self._taps)
        return Features(low=low, middle=middle, high=self.last(x))


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
    """With a convolution for a shortcut, even where the channels agree (block3 and block5 of Xception-71)."""
    shortcut = AtrousConv(in_channels, widths[-1], epsilon=conventions.backbone_epsilon)
    return XceptionUnit(in_channels, widths, shortcut, conventions=conventions)


def _planned_units(entry_flow: EntryFlow, *, middle_units: int) -> Iterator[Unit]:
    """The units by the official code's names, with their strides in the classification network."""
    for number, (_, stride) in enumerate(entry_flow.units, start=1):
        yield Unit(f"entry_flow/block{number}", stride)
    for number in range(1, middle_units + 1):
        yield Unit(f"middle_flow/block1/unit_{number}")
    yield Unit("exit_flow/block1", 2)
    yield Unit("exit_flow/block2")
