"""ResNets (arXiv 1512.03385) with atrous rates, Multi_Grid and the cascade (DeepLabv3, section 3.2)."""

from functools import partial

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv, pad_same
from atrous.model.backbones.backbone import Backbone, Features
from atrous.model.backbones.mobilenet_v2 import scaled_channels
from atrous.model.backbones.resnet_stem import BetaStem
from atrous.model.backbones.resnet_units import BasicUnit, Bottleneck
from atrous.model.backbones.units import UnitSequence
from atrous.model.compatibility import LowLevel, SecondRate, StridedLayer
from atrous.model.config import BASIC_DEPTHS
from atrous.model.conventions import Conventions, Padding
from atrous.model.stride_plan import PlannedUnit, Unit, UnstridedRate, plan_units

BLOCK_UNITS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Units of block1 to block4 (arXiv 1512.03385, Table 1)."""

WIDTHS = (64, 128, 256, 512)
FIRST_GRID_BLOCK = 3
"""block4, counted from 0: Multi_Grid applies to it and to what follows."""

ENTRY = (PlannedUnit("stem", stride=2, rate=1, output_stride=2), PlannedUnit("pool", stride=2, rate=1, output_stride=4))


class MaxPool(nn.Module):
    """3x3 max pooling with stride 2; under SAME the padding is -inf below and right on even sizes."""

    def __init__(self, padding: Padding) -> None:
        super().__init__()
        self.same = padding == "same"
        self.pool = nn.MaxPool2d(3, stride=2, padding=0 if self.same else 1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Halve the map."""
        return self.pool(pad_same(x, kernel=3, stride=2, value=float("-inf")) if self.same else x)


class ResNet(Backbone):
    """A stem, pooling, and four to seven blocks of residual units.

    Args:
        stem: Layers from the image to a map at output stride 2.
        output_stride: 4, 8, 16 or 32, with each added block one more doubling.
        depth: 18, 34, 50, 101 or 152.
        multi_grid: Unit rates of the three units of block4 (of ResNet-18: the first two) and of every added block;
            multiplied with the planned rate.
        added_blocks: Copies of block4 after it (block5 to block7), with weights of their own; since as many channels
            enter as leave, all their shortcuts are the identity.
        depth_multiplier: Scales the width of the units, rounded to multiples of 8; the stem has its own.
        low_level: "inside" gives the decoder the residual of a unit, the next to last of its block in the official
            code; "output" the output of the last unit before the one that strides.
        unstrided_rate: Rate of a unit that gives up its stride.
        second_rate: Rate of the second convolution in the units of ResNet-18 and -34: that of the units after the
            stride ("planned"), or 1 ("one").
        strided_layer: Convolution of a bottleneck that strides.
        conventions: Padding, epsilon, and the unit of a block that strides.
    """

    def __init__(
        self,
        stem: AtrousConv | BetaStem,
        *,
        conventions: Conventions,
        output_stride: int = 16,
        depth: int = 101,
        multi_grid: tuple[int, int, int] = (1, 1, 1),
        added_blocks: int = 0,
        depth_multiplier: float = 1.0,
        low_level: LowLevel = "inside",
        unstrided_rate: UnstridedRate = "before",
        second_rate: SecondRate = "planned",
        strided_layer: StridedLayer = "3x3",
    ) -> None:
        super().__init__()
        self.stem = stem
        self.pool = MaxPool(conventions.pool_padding)
        counts = BLOCK_UNITS[depth] + BLOCK_UNITS[depth][-1:] * added_blocks
        scaled = tuple(scaled_channels(width, depth_multiplier=depth_multiplier, divisor=8) for width in WIDTHS)
        widths = scaled + scaled[-1:] * added_blocks
        self._units = _block_units(counts, multi_grid=multi_grid, stride_unit=conventions.stride_unit)
        units: list[BasicUnit | Bottleneck] = []
        channels = stem.out_channels
        for width, count in zip(widths, counts, strict=True):
            for _ in range(count):
                stride = self._units[len(units)].stride
                if depth in BASIC_DEPTHS:
                    unit = BasicUnit(channels, width, stride=stride, conventions=conventions)
                else:
                    unit = Bottleneck(
                        channels, width, stride=stride, conventions=conventions, strided_layer=strided_layer
                    )
                units.append(unit)
                channels = width * unit.expansion
        if low_level == "inside":
            self.units = UnitSequence(units, inside=(counts[0] - 2, counts[0] + counts[1] - 2))
        else:
            striding = [number for number, unit in enumerate(self._units) if unit.stride > 1]
            self.units = UnitSequence(units, outputs=(striding[0] - 1, striding[1] - 1))
        self._unstrided_rate: UnstridedRate = unstrided_rate
        self._second_rate: SecondRate = second_rate
        self.low_channels, self.middle_channels = (width * units[0].expansion for width in scaled[:2])
        self.first_channels, self.high_channels = stem.out_channels, channels
        self.added_blocks = added_blocks
        self.entry = ENTRY
        self.plan(output_stride=output_stride)

    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every unit (stem and pooling always stride)."""
        plan = partial(plan_units, self._units, entry_stride=self.entry[-1].output_stride, output_stride=output_stride)
        self.planned = plan(unstrided_rate=self._unstrided_rate)
        for unit, planned, behind in zip(self.units, self.planned, plan(unstrided_rate="after"), strict=True):
            if isinstance(unit, BasicUnit):  # its second convolution is behind the stride that the first gives up
                second_rate = 1 if self._second_rate == "one" else behind.rate
                unit.plan(stride=planned.stride, rate=planned.rate, second_rate=second_rate)
            else:
                unit.plan(stride=planned.stride, rate=planned.rate)

    def layers(self) -> tuple[nn.Module, ...]:
        """Modules of `entry` and `planned`, in their order."""
        return (self.stem, self.pool, *self.units)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Compute features: low 256 channels at output stride 4, middle 512, high 2048; basic units: 64, 128, 512."""
        return self._features(self.pool(self.stem(image)))

    def with_first(self, image: Float[Tensor, "b c h w"]) -> tuple[Features, Float[Tensor, "b f h2 w2"]]:
        """Compute features, and the output of the stem at output stride 2."""
        first = self.stem(image)
        return self._features(self.pool(first)), first

    def _features(self, pooled: Float[Tensor, "b f h4 w4"]) -> Features:
        low, middle, high = self.units(pooled)
        return Features(low=low, middle=middle, high=high)


def _block_units(counts: tuple[int, ...], *, multi_grid: tuple[int, int, int], stride_unit: str) -> tuple[Unit, ...]:
    """List the units of block1, block2, ... with their strides and unit rates.

    A block hands the next one half its size: in the official code the last unit of all but the last block strides, in
    torchvision the first unit of all but the first.
    """
    last_block = len(counts) - 1
    units: list[Unit] = []
    for block, count in enumerate(counts):
        for position in range(count):
            ends_block = stride_unit == "last" and position == count - 1 and block < last_block
            opens_block = stride_unit == "first" and position == 0 and block > 0
            unit_rate = multi_grid[position] if block >= FIRST_GRID_BLOCK else 1
            units.append(
                Unit(f"block{block + 1}/unit_{position + 1}", 2 if ends_block or opens_block else 1, unit_rate)
            )
    return tuple(units)
