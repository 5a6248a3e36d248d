"""What a backbone gives: one map for the decoder, one for ASPP."""

from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from atrous.model.stride_plan import PlannedUnit

LOW_STRIDE = 4
"""Input size / size of `Features.low`."""


class Features(NamedTuple):
    """`low` at output stride 4 for the decoder, `high` at the planned output stride for ASPP."""

    low: Float[Tensor, "b l h4 w4"]
    high: Float[Tensor, "b c h w"]


@runtime_checkable
class Backbone(Protocol):
    """A network without its classifier, whose strides and rates follow a plan.

    It is a module with one child for each unit of `entry` and `planned`, in their order; lists count by their items.

    Attributes:
        low_channels: Channels of `Features.low`.
        high_channels: Channels of `Features.high`.
        entry: What stands before the units and always strides: stem and pooling.
        planned: Stride and rate of each unit, in the order of the forward pass.
    """

    low_channels: int
    high_channels: int
    entry: tuple[PlannedUnit, ...]
    planned: tuple[PlannedUnit, ...]

    def plan(self, *, output_stride: int) -> None:
        """Set stride and rate of every unit; the parameters do not change."""
        ...

    def __call__(self, image: Float[Tensor, "b c h w"]) -> Features:
        """Normalised image to features."""
        ...
