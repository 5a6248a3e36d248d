"""EfficientNet-Lite0, -Lite1 and -Lite2 up to their 320 or 352 channels.

They are EfficientNets (arXiv 1905.11946) without squeeze-and-excite and with ReLU6 (official code,
`efficientnet/lite/efficientnet_lite_builder.py`).
"""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Literal, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.backbones.backbone import Backbone, Features
from atrous.model.backbones.inverted_residual import InvertedResidual
from atrous.model.backbones.mobilenet_v2 import rounded_channels
from atrous.model.backbones.units import UnitSequence
from atrous.model.compatibility import LowLevel
from atrous.model.conventions import Conventions
from atrous.model.stride_plan import PlannedUnit, Unit, UnstridedRate, plan_units

STEM_CHANNELS = 32
ENTRY = (PlannedUnit("stem", stride=2, rate=1, output_stride=2),)

Variant = Literal[0, 1, 2]


class StageRow(NamedTuple):
    """Row of Table 1 of the EfficientNet paper: inverted residuals of one width, of which the first strides."""

    kernel: int
    expansion: int
    channels: int
    repeats: int
    stride: int


class UnitRow(NamedTuple):
    """An inverted residual."""

    kernel: int
    expansion: int
    channels: int
    stride: int


STAGES = (
    StageRow(3, 1, 16, 1, 1),
    StageRow(3, 6, 24, 2, 2),
    StageRow(5, 6, 40, 2, 2),
    StageRow(3, 6, 80, 3, 2),
    StageRow(5, 6, 112, 3, 1),
    StageRow(5, 6, 192, 4, 2),
    StageRow(3, 6, 320, 1, 1),
)
MULTIPLIERS: Mapping[Variant, tuple[float, float]] = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
"""Multipliers of widths and of repeats."""


def unit_rows(variant: Variant) -> tuple[UnitRow, ...]:
    """List the inverted residuals of a variant; the first and the last stage are never repeated more often."""
    width, depth = MULTIPLIERS[variant]
    return tuple(_scaled(width=width, depth=depth))


def _scaled(*, width: float, depth: float) -> Iterator[UnitRow]:
    for number, stage in enumerate(STAGES):
        channels = rounded_channels(stage.channels * width, divisor=8)
        repeats = stage.repeats if number in (0, len(STAGES) - 1) else math.ceil(stage.repeats * depth)
        for repeat in range(repeats):
            yield UnitRow(stage.kernel, stage.expansion, channels, stage.stride if repeat == 0 else 1)


class EfficientNetLite(Backbone):
    """EfficientNet-Lite up to its last inverted residual.

    Args:
        output_stride: 4, 8, 16 or 32.
        variant: 0, 1 or 2.
        low_level: "inside" gives the decoder the depthwise output of a unit, "output" the unit's output.
        unstrided_rate: Rate of a unit that gives up its stride.
        in_channels: Channels of the image.
        conventions: Padding and epsilon.
    """

    def __init__(
        self,
        *,
        conventions: Conventions,
        output_stride: int = 16,
        variant: Variant = 0,
        low_level: LowLevel = "inside",
        unstrided_rate: UnstridedRate = "before",
        in_channels: int = 3,
    ) -> None:
        super().__init__()
        rows = unit_rows(variant)
        self.stem = AtrousConv(
            in_channels,
            STEM_CHANNELS,
            kernel=3,
            stride=2,
            padding=conventions.conv_padding,
            epsilon=conventions.backbone_epsilon,
            activation=nn.ReLU6(),
        )
        widths = (STEM_CHANNELS, *(row.channels for row in rows))
        units = [
            InvertedResidual(
                before,
                row.channels,
                wide=before * row.expansion,
                stride=row.stride,
                kernel=row.kernel,
                activation=nn.ReLU6(),
                conventions=conventions,
            )
            for (before, _), row in zip(pairwise(widths), rows, strict=True)
        ]
        striding = [number for number, row in enumerate(rows) if row.stride > 1]
        skips = (striding[1] - 1, striding[2] - 1)  # the last units at output strides 4 and 8
        inside = skips if low_level == "inside" else ()
        self.units = UnitSequence(units, inside=inside, outputs=() if inside else skips)
        given = [units[number].depthwise if inside else units[number].project for number in skips]
        self.low_channels, self.middle_channels = (layer.out_channels for layer in given)
        self.first_channels, self.high_channels = STEM_CHANNELS, widths[-1]
        self._units = tuple(Unit(f"blocks_{number}", row.stride) for number, row in enumerate(rows))
        self._unstrided_rate: UnstridedRate = unstrided_rate
        self.entry = ENTRY
        self.plan(output_stride=output_stride)

    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every unit (the stem always strides)."""
        self.planned = plan_units(
            self._units,
            entry_stride=self.entry[-1].output_stride,
            output_stride=output_stride,
            unstrided_rate=self._unstrided_rate,
        )
        self.units.plan(self.planned)

    def layers(self) -> tuple[nn.Module, ...]:
        """Modules of `entry` and `planned`, in their order."""
        return (self.stem, *self.units)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Compute features: low 144 channels at output stride 4, middle 240 (Lite2: 288), high 320 (352)."""
        return self._features(self.stem(image))

    def with_first(self, image: Float[Tensor, "b c h w"]) -> tuple[Features, Float[Tensor, "b f h2 w2"]]:
        """Compute features, and the output of the stem at output stride 2."""
        first = self.stem(image)
        return self._features(first), first

    def _features(self, first: Float[Tensor, "b f h2 w2"]) -> Features:
        low, middle, high = self.units(first)
        return Features(low=low, middle=middle, high=high)
