"""Residual units in sequence, and the maps that the decoder takes from them."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Generic, TypeVar, cast

from jaxtyping import Float
from torch import Tensor, nn

from atrous.model.stride_plan import PlannedUnit


class ResidualUnit(nn.Module, ABC):
    """A unit in two halves; a decoder can take the map between them (official code, `DECODER_END_POINTS`)."""

    @abstractmethod
    def plan(self, *, stride: int, rate: int) -> None:
        """Set stride and rate of its spatial convolutions."""

    @abstractmethod
    def first_half(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b m H W"]:
        """Compute the first half."""

    @abstractmethod
    def second_half(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b m H W"]) -> Float[Tensor, "b k H W"]:
        """Compute the second half, and add the shortcut from the unit's input."""

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Compute both halves."""
        return self.second_half(x, self.first_half(x))


UnitKind = TypeVar("UnitKind", bound=ResidualUnit)


class UnitSequence(nn.ModuleList, Generic[UnitKind]):
    """Units that follow each other.

    Args:
        units: Units in the order of the forward pass.
        inside: Numbers of units whose map between the halves is a skip feature.
        outputs: Numbers of units whose output is a skip feature.
    """

    def __init__(
        self, units: Iterable[UnitKind], *, inside: Collection[int] = (), outputs: Collection[int] = ()
    ) -> None:
        super().__init__(units)
        self.inside, self.outputs = tuple(inside), tuple(outputs)

    def __iter__(self) -> Iterator[UnitKind]:
        return cast(Iterator[UnitKind], super().__iter__())

    def plan(self, planned: Sequence[PlannedUnit]) -> None:
        """Set stride and rate of every unit."""
        for unit, plan in zip(self, planned, strict=True):
            unit.plan(stride=plan.stride, rate=plan.rate)

    def forward(self, x: Float[Tensor, "b c h w"]) -> list[Tensor]:
        """Return the skip features in the order of the units, then the output of the last unit."""
        features: list[Tensor] = []
        for number, unit in enumerate(self):
            if number in self.inside:
                features.append(unit.first_half(x))
                x = unit.second_half(x, features[-1])
            else:
                x = unit(x)
            if number in self.outputs:
                features.append(x)
        return [*features, x]


class Subsample(nn.Module):
    """Identity shortcut around convolutions that may stride: every stride-th position of the input."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.plan(stride=stride, rate=1)

    def plan(self, *, stride: int, rate: int) -> None:  # noqa: ARG002
        """Set the stride; a single position has no rate."""
        self.stride = stride

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
        """Drop the positions between."""
        return x if self.stride == 1 else x[..., :: self.stride, :: self.stride]
