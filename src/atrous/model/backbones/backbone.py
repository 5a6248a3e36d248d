"""Base class of backbones: an image becomes maps for the decoder, and one for the head."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.parts import IMAGE, Part
from atrous.model.stride_plan import PlannedUnit

FIRST_STRIDE, LOW_STRIDE, MIDDLE_STRIDE = 2, 4, 8
"""Input size / size of the first map, of `Features.low` and of `Features.middle`."""


class Features(NamedTuple):
    """`low` and `middle` for the decoder, at output strides 4 and 8, `high` at the planned one for the head.

    `low` and `middle` are the last maps before the network strides to 8 and to 16 (Conv2 and Conv3 of DeepLabv3+, Table
    2); planned at output stride 4, the network has `middle` at 4, too.
    """

    low: Float[Tensor, "b l h4 w4"]
    middle: Float[Tensor, "b m h8 w8"]
    high: Float[Tensor, "b c h w"]


class Backbone(nn.Module, ABC):
    """A classification network without its classifier, whose strides and rates follow a plan.

    Attributes:
        first_channels: Channels of the map at output stride 2; None where the network has none.
        low_channels: Channels of `Features.low`.
        middle_channels: Channels of `Features.middle`.
        high_channels: Channels of `Features.high`.
        added_blocks: Number of blocks after the classification network's last (cascade of ResNets).
        entry: Layers before the units, which always stride: stem and pooling.
        planned: Stride and rate of each unit, in the order of the forward pass.
    """

    first_channels: int | None
    low_channels: int
    middle_channels: int
    high_channels: int
    added_blocks = 0
    entry: tuple[PlannedUnit, ...]
    planned: tuple[PlannedUnit, ...]

    @abstractmethod
    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every unit; the parameters do not change.

        Raises:
            InputError: If the network cannot run at this output stride.
        """

    @abstractmethod
    def layers(self) -> tuple[nn.Module, ...]:
        """Modules of `entry` and `planned`, in their order."""

    def parts(self) -> Iterator[Part]:
        """Yield stem, pooling and units; each takes the output of the one before."""
        before = IMAGE
        for planned, layer in zip((*self.entry, *self.planned), self.layers(), strict=True):
            yield Part(*planned_fields(planned), layer, (before,))
            before = planned.name

    @abstractmethod
    def forward(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Compute features from a normalised image."""

    @abstractmethod
    def with_first(self, image: Float[Tensor, "b c h w"]) -> tuple[Features, Float[Tensor, "b f h2 w2"]]:
        """Compute features, and keep the first map: the last one before the network strides to 4.

        Apart from `forward`, because it is large and few decoders take it. It must exist: `first_channels`.
        """


def planned_fields(unit: PlannedUnit) -> tuple[str, int, int, int]:
    """Name, stride, rate and output stride of a planned unit."""
    return unit.name, unit.stride, unit.rate, unit.output_stride
