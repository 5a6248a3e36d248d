"""MobileNetV3-Large and -Small (arXiv 1905.02244, Tables 1 and 2) up to the last convolution, as DeepLab uses them."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.backbones.backbone import Backbone, Features
from atrous.model.backbones.inverted_residual import InvertedResidual
from atrous.model.backbones.mobilenet_v2 import rounded_channels
from atrous.model.backbones.units import UnitSequence
from atrous.model.compatibility import MiddleLevel
from atrous.model.conventions import Conventions
from atrous.model.resampling import ImageMean
from atrous.model.stride_plan import PlannedUnit, Unit, UnstridedRate, plan_units

STEM_CHANNELS = 16
ENTRY = (PlannedUnit("stem", stride=2, rate=1, output_stride=2),)
FIRST_LAYER = 2
"""The official code calls the stem layer_1 and the first unit layer_2."""


class BottleneckRow(NamedTuple):
    """Row of the paper's tables: an inverted residual."""

    kernel: int
    wide: int
    channels: int
    squeezes: bool
    activation: type[nn.Module]
    stride: int


class NetworkTable(NamedTuple):
    """Network of the paper: units, width of the last convolution, layers of the official skip features at 4 and 8."""

    rows: tuple[BottleneckRow, ...]
    last: int
    low: int
    middle: int


LARGE = NetworkTable(
    (
        BottleneckRow(3, 16, 16, False, nn.ReLU, 1),
        BottleneckRow(3, 64, 24, False, nn.ReLU, 2),
        BottleneckRow(3, 72, 24, False, nn.ReLU, 1),
        BottleneckRow(5, 72, 40, True, nn.ReLU, 2),
        BottleneckRow(5, 120, 40, True, nn.ReLU, 1),
        BottleneckRow(5, 120, 40, True, nn.ReLU, 1),
        BottleneckRow(3, 240, 80, False, nn.Hardswish, 2),
        BottleneckRow(3, 200, 80, False, nn.Hardswish, 1),
        BottleneckRow(3, 184, 80, False, nn.Hardswish, 1),
        BottleneckRow(3, 184, 80, False, nn.Hardswish, 1),
        BottleneckRow(3, 480, 112, True, nn.Hardswish, 1),
        BottleneckRow(3, 672, 112, True, nn.Hardswish, 1),
        BottleneckRow(5, 672, 160, True, nn.Hardswish, 2),
        BottleneckRow(5, 960, 160, True, nn.Hardswish, 1),
        BottleneckRow(5, 960, 160, True, nn.Hardswish, 1),
    ),
    last=960,
    low=4,
    middle=7,
)
SMALL = NetworkTable(
    (
        BottleneckRow(3, 16, 16, True, nn.ReLU, 2),
        BottleneckRow(3, 72, 24, False, nn.ReLU, 2),
        BottleneckRow(3, 88, 24, False, nn.ReLU, 1),
        BottleneckRow(5, 96, 40, True, nn.Hardswish, 2),
        BottleneckRow(5, 240, 40, True, nn.Hardswish, 1),
        BottleneckRow(5, 240, 40, True, nn.Hardswish, 1),
        BottleneckRow(5, 120, 48, True, nn.Hardswish, 1),
        BottleneckRow(5, 144, 48, True, nn.Hardswish, 1),
        BottleneckRow(5, 288, 96, True, nn.Hardswish, 2),
        BottleneckRow(5, 576, 96, True, nn.Hardswish, 1),
        BottleneckRow(5, 576, 96, True, nn.Hardswish, 1),
    ),
    last=576,
    low=2,
    middle=4,
)
Variant = Literal["large", "small"]

VARIANTS: Mapping[Variant, NetworkTable] = {"large": LARGE, "small": SMALL}


class SqueezeExcite(nn.Module):
    """Squeeze-and-excite (section 5.3): weights, 0..1, of the channels, from their means by two layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = rounded_channels(channels / 4, divisor=8)
        self.mean = ImageMean()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Multiply each channel by its weight."""
        squeezed = F.relu(self.squeeze(self.mean(x)))
        return x * F.hardsigmoid(self.excite(squeezed))


class MobileNetV3(Backbone):
    """MobileNetV3 up to its last convolution.

    Args:
        output_stride: 4, 8, 16 or 32.
        variant: "large" or "small".
        depth_multiplier: Scales all widths.
        tail_multiplier: Scales, in addition, the widths of the last block: from the last strided unit on.
        middle_level: Layer and map that give the features at output stride 8; None is the official code's choice.
        unstrided_rate: Rate of a unit that gives up its stride.
        in_channels: Channels of the image.
        conventions: Padding and epsilon.
    """

    def __init__(
        self,
        *,
        conventions: Conventions,
        output_stride: int = 16,
        variant: Variant = "large",
        depth_multiplier: float = 1.0,
        tail_multiplier: float = 1.0,
        middle_level: MiddleLevel | None = None,
        unstrided_rate: UnstridedRate = "before",
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        table, epsilon = VARIANTS[variant], conventions.backbone_epsilon
        stem_channels = rounded_channels(STEM_CHANNELS * depth_multiplier, divisor=8)
        rows = _scaled(table.rows, depth_multiplier=depth_multiplier, tail_multiplier=tail_multiplier)
        self.stem = AtrousConv(
            in_channels,
            stem_channels,
            kernel=3,
            stride=2,
            padding=conventions.conv_padding,
            epsilon=epsilon,
            activation=nn.Hardswish(),
        )
        widths = (stem_channels, *(row.channels for row in rows))
        units = [
            _unit(before, row, conventions=conventions) for (before, _), row in zip(pairwise(widths), rows, strict=True)
        ]
        layer, middle_map = middle_level or (table.middle, "depthwise")
        low_unit, middle_unit = table.low - FIRST_LAYER, layer - FIRST_LAYER
        inside = (low_unit, middle_unit) if middle_map == "depthwise" else (low_unit,)
        self.units = UnitSequence(units, inside=inside, outputs=() if middle_unit in inside else (middle_unit,))
        self.first_channels = stem_channels
        self.low_channels = units[low_unit].depthwise.out_channels
        middle = units[middle_unit]
        self.middle_channels = (middle.depthwise if middle_unit in inside else middle.project).out_channels
        self.high_channels = rounded_channels(table.last * tail_multiplier * depth_multiplier, divisor=8)
        self.last = AtrousConv(widths[-1], self.high_channels, epsilon=epsilon, activation=nn.Hardswish())
        self._units = tuple(Unit(f"layer_{number}", row.stride) for number, row in enumerate(rows, start=FIRST_LAYER))
        self._unstrided_rate: UnstridedRate = unstrided_rate
        self.entry = ENTRY
        self.plan(output_stride=output_stride)

    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every unit (the stem always strides)."""
        planned = plan_units(
            self._units,
            entry_stride=self.entry[-1].output_stride,
            output_stride=output_stride,
            unstrided_rate=self._unstrided_rate,
        )
        self.units.plan(planned)
        last = PlannedUnit(f"layer_{len(planned) + FIRST_LAYER}", stride=1, rate=1, output_stride=output_stride)
        self.planned = (*planned, last)

    def layers(self) -> tuple[nn.Module, ...]:
        """Modules of `entry` and `planned`, in their order."""
        return (self.stem, *self.units, self.last)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Compute features: low 72 channels (Small: 16), middle 120 (88), high 960 (576)."""
        return self._features(self.stem(image))

    def with_first(self, image: Float[Tensor, "b c h w"]) -> tuple[Features, Float[Tensor, "b f h2 w2"]]:
        """Compute features, and the output of the stem at output stride 2."""
        first = self.stem(image)
        return self._features(first), first

    def _features(self, first: Float[Tensor, "b f h2 w2"]) -> Features:
        low, middle, high = self.units(first)
        return Features(low=low, middle=middle, high=self.last(high))


def _scaled(rows: Sequence[BottleneckRow], *, depth_multiplier: float, tail_multiplier: float) -> list[BottleneckRow]:
    """Scale the widths of the rows by both multipliers.

    As in the official code, the table's expansions are factors of the width that really comes in.
    """
    tail = max(number for number, row in enumerate(rows) if row.stride > 1)
    scaled: list[BottleneckRow] = []
    nominal, channels = STEM_CHANNELS, rounded_channels(STEM_CHANNELS * depth_multiplier, divisor=8)
    for number, row in enumerate(rows):
        share = tail_multiplier if number >= tail else 1.0
        wide = rounded_channels(channels * row.wide * share / nominal, divisor=8)
        nominal = row.channels * share
        channels = rounded_channels(nominal * depth_multiplier, divisor=8)
        scaled.append(row._replace(wide=wide, channels=channels))
    return scaled


def _unit(in_channels: int, row: BottleneckRow, *, conventions: Conventions) -> InvertedResidual:
    return InvertedResidual(
        in_channels,
        row.channels,
        wide=row.wide,
        stride=row.stride,
        kernel=row.kernel,
        activation=row.activation(),
        gate=SqueezeExcite(row.wide) if row.squeezes else None,
        conventions=conventions,
    )
