"""ResNet-50 and -101 (arXiv 1512.03385) with atrous rates, Multi_Grid and the cascade (DeepLabv3, section 3.2)."""

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.atrous import AtrousConv, pad_same
from atrous.model.backbones.backbone import Backbone, Features
from atrous.model.backbones.resnet_stem import BetaStem
from atrous.model.backbones.units import ResidualUnit, Subsample, UnitSequence
from atrous.model.compatibility import LowLevel
from atrous.model.conventions import Conventions, Padding
from atrous.model.stride_plan import PlannedUnit, Unit, UnstridedRate, plan_units

BLOCK_UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
WIDTHS = (64, 128, 256, 512)
EXPANSION = 4
FIRST_GRID_BLOCK = 3
"""block4, counted from 0: Multi_Grid applies to it and to what follows."""

ENTRY = (PlannedUnit("stem", stride=2, rate=1, output_stride=2), PlannedUnit("pool", stride=2, rate=1, output_stride=4))

LOW_UNIT, MIDDLE_UNIT = 1, 5
"""Units with the skip features, block1/unit_2 and block2/unit_3, before the units that stride in the official code: the
output of the last convolution after batch norm, before the shortcut is added."""


class Bottleneck(ResidualUnit):
    """1x1 -> 3x3 (stride, rate) -> 1x1, added to the shortcut, then ReLU."""

    def __init__(self, in_channels: int, width: int, *, stride: int, conventions: Conventions) -> None:
        super().__init__()
        epsilon, out_channels = conventions.backbone_epsilon, width * EXPANSION
        self.reduce = AtrousConv(in_channels, width, epsilon=epsilon, activation=nn.ReLU())
        self.atrous = AtrousConv(
            width,
            width,
            kernel=3,
            stride=stride,
            padding=conventions.conv_padding,
            epsilon=epsilon,
            activation=nn.ReLU(),
        )
        self.restore = AtrousConv(width, out_channels, epsilon=epsilon)
        self.shortcut: AtrousConv | Subsample = Subsample(stride)
        if in_channels != out_channels:
            self.shortcut = AtrousConv(in_channels, out_channels, stride=stride, epsilon=epsilon)
        self.activation = nn.ReLU()

    def plan(self, *, stride: int, rate: int) -> None:
        """Set stride and rate of the 3x3 convolution, and the stride of the shortcut."""
        self.atrous.plan(stride=stride, rate=rate)
        self.shortcut.plan(stride=stride, rate=1)

    def filtered(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute the residual, which is added to the shortcut."""
        return self.restore(self.atrous(self.reduce(x)))

    def merged(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b k H W"]) -> Float[Tensor, "b k H W"]:
        """Add residual and shortcut, then ReLU."""
        return self.activation(filtered + self.shortcut(x))


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
    """A stem, pooling, and four to seven blocks of bottlenecks.

    Args:
        stem: Layers from the image to a map at output stride 2.
        output_stride: 4, 8, 16 or 32, with each added block one more doubling.
        depth: 50 or 101.
        multi_grid: Unit rates of the three 3x3 convolutions of block4 and of every added block; multiplied with the
            planned rate.
        added_blocks: Copies of block4 after it (block5 to block7), with weights of their own; since 2048 channels enter
            and leave, all their shortcuts are the identity.
        low_level: "inside" gives the decoder the residual of a unit, "output" the unit's output.
        unstrided_rate: Rate of a unit that gives up its stride.
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
        low_level: LowLevel = "inside",
        unstrided_rate: UnstridedRate = "before",
    ) -> None:
        super().__init__()
        self.stem = stem
        self.pool = MaxPool(conventions.pool_padding)
        counts = BLOCK_UNITS[depth] + BLOCK_UNITS[depth][-1:] * added_blocks
        widths = WIDTHS + WIDTHS[-1:] * added_blocks
        self._units = _block_units(counts, multi_grid=multi_grid, stride_unit=conventions.stride_unit)
        units: list[Bottleneck] = []
        channels = stem.out_channels
        for width, count in zip(widths, counts, strict=True):
            for _ in range(count):
                stride = self._units[len(units)].stride
                units.append(Bottleneck(channels, width, stride=stride, conventions=conventions))
                channels = width * EXPANSION
        striding = [number for number, unit in enumerate(self._units) if unit.stride > 1]
        if low_level == "inside":
            self.units = UnitSequence(units, inside=(LOW_UNIT, MIDDLE_UNIT))
        else:
            self.units = UnitSequence(units, outputs=(striding[0] - 1, striding[1] - 1))
        self._unstrided_rate: UnstridedRate = unstrided_rate
        self.low_channels = WIDTHS[0] * EXPANSION
        self.middle_channels = WIDTHS[1] * EXPANSION
        self.high_channels = channels
        self.added_blocks = added_blocks
        self.entry = ENTRY
        self.plan(output_stride=output_stride)

    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every unit (stem and pooling always stride)."""
        self.planned = plan_units(
            self._units,
            entry_stride=self.entry[-1].output_stride,
            output_stride=output_stride,
            unstrided_rate=self._unstrided_rate,
        )
        self.units.plan(self.planned)

    def layers(self) -> tuple[nn.Module, ...]:
        """Modules of `entry` and `planned`, in their order."""
        return (self.stem, self.pool, *self.units)

    def forward(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Compute features: low 256 channels at output stride 4, middle 512, high 2048."""
        low, middle, high = self.units(self.pool(self.stem(image)))
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
