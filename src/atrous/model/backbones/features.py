"""What a backbone gives: maps for the decoder, and one for ASPP."""

from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from atrous.model.stride_plan import PlannedUnit


class Features(NamedTuple):
    """`low` and `middle` for the decoder, at output strides 4 and 8, `high` at the planned one for ASPP.

    `low` and `middle` are the last maps before the network strides to 8 and to 16 (Conv2 and Conv3 of DeepLabv3+, Table
    2); planned at output stride 4, the network has `middle` at 4, too.
    """

    low: Float[Tensor, "b l h4 w4"]
    middle: Float[Tensor, "b m h8 w8"]
    high: Float[Tensor, "b c h w"]


@runtime_checkable
class Backbone(Protocol):
    """A network without its classifier, whose strides and rates follow a plan.

    Attributes:
        low_channels: Channels of `Features.low`.
        middle_channels: Channels of `Features.middle`.
        high_channels: Channels of `Features.high`.
        entry: What stands before the units and always strides: stem and pooling.
        planned: Stride and rate of each unit, in the order of the forward pass.
    """

    low_channels: int
    middle_channels: int
    high_channels: int
    entry: tuple[PlannedUnit, ...]
    planned: tuple[PlannedUnit, ...]

    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every unit; the parameters do not change."""
        ...

    def __call__(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Normalised image to features."""
        ...
