"""MobileNetV2 (arXiv 1801.04381, Table 2) up to its 320 channels, as DeepLab uses it."""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv
from atrous.model.backbones.backbone import Backbone, Features
from atrous.model.backbones.inverted_residual import InvertedResidual, ZeroPadding
from atrous.model.backbones.units import UnitSequence
from atrous.model.compatibility import LowLevel, Padded
from atrous.model.conventions import Conventions
from atrous.model.stride_plan import PlannedUnit, Unit, UnstridedRate, plan_units

STEM_CHANNELS = 32
ENTRY = (PlannedUnit("stem", stride=2, rate=1, output_stride=2),)
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""(expansion, channels, repeats, stride of the first repeat)."""

LOW_UNIT, MIDDLE_UNIT = 2, 5
"""Units with the skip features, layer_4 and layer_7: depthwise outputs of 144 and 192 channels at multiplier 1."""


def rounded_channels(channels: int | float, *, divisor: int) -> int:
    """Round to the nearest multiple of `divisor`, at least one, and up where that is below 90 % of `channels`."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def scaled_channels(channels: int, *, depth_multiplier: float, divisor: int | None) -> int:
    """Round the width at a depth multiplier; divisor None is DeepLab's rule, 8 at multiplier 1 and otherwise none."""
    if divisor is None:
        divisor = 8 if depth_multiplier == 1.0 else 1
    return rounded_channels(channels * depth_multiplier, divisor=divisor)


class MobileNetV2(Backbone):
    """MobileNetV2 up to its last inverted residual.

    Args:
        output_stride: 4, 8, 16 or 32.
        depth_multiplier: Scales all widths.
        channel_divisor: Widths are rounded to multiples of this; None is DeepLab's rule.
        last_channels: Channels of a last 1x1 convolution, or None without it.
        low_level: "inside" gives the decoder the depthwise output of a unit, "output" the unit's output.
        unstrided_rate: Rate of a unit that gives up its stride.
        padded: "convolutions" puts zeros around the input of each convolution, "units" around the input of each unit.
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
        last_channels: int | None = None,
        low_level: LowLevel = "inside",
        unstrided_rate: UnstridedRate = "before",
        padded: Padded = "convolutions",
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
        if padded == "units":
            self.stem.conv.padding = (0, 0)
        units = [
            InvertedResidual(
                before,
                after,
                wide=before if expansion == 1 else rounded_channels(before * expansion, divisor=8),
                stride=stride,
                activation=nn.ReLU6(),
                border=ZeroPadding() if padded == "units" else None,
                conventions=conventions,
            )
            for (before, after), (expansion, _, stride) in zip(pairwise(widths), repeats, strict=True)
        ]
        skips = (LOW_UNIT, MIDDLE_UNIT)
        inside = skips if low_level == "inside" else ()
        self.units = UnitSequence(units, inside=inside, outputs=() if inside else skips)
        self._units = tuple(Unit(f"layer_{number}", stride) for number, (*_, stride) in enumerate(repeats, start=2))
        self.last, self.high_channels = None, last_channels or widths[-1]
        if last_channels is not None:
            epsilon = conventions.backbone_epsilon
            self.last = AtrousConv(widths[-1], last_channels, epsilon=epsilon, activation=nn.ReLU6())
        given = [units[number].depthwise if inside else units[number].project for number in skips]
        self.first_channels = widths[0]
        self.low_channels, self.middle_channels = (layer.out_channels for layer in given)
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
        if self.last is not None:
            self.planned += (PlannedUnit("last", stride=1, rate=1, output_stride=output_stride),)

    def layers(self) -> tuple[nn.Module, ...]:
        """Modules of `entry` and `planned`, in their order."""
        return (self.stem, *self.units, *(() if self.last is None else (self.last,)))

    def forward(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Compute features: low 144 channels at output stride 4, middle 192, high 320 (at multiplier 1)."""
        return self._features(self.stem(image))

    def with_first(self, image: Float[Tensor, "b c h w"]) -> tuple[Features, Float[Tensor, "b f h2 w2"]]:
        """Compute features, and the output of the stem at output stride 2."""
        first = self.stem(image)
        return self._features(first), first

    def _features(self, first: Float[Tensor, "b f h2 w2"]) -> Features:
        low, middle, high = self.units(first)
        return Features(low=low, middle=middle, high=high if self.last is None else self.last(high))
