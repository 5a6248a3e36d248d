"""The way through a backbone's units, with what the decoder takes from inside some of them."""

from collections.abc import Collection, Iterable
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class TappedUnit(Protocol):
    """A unit in two halves: between them lies what a decoder can take (official code, `DECODER_END_POINTS`)."""

    def filtered(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b m H W"]:
        """The first half."""
        ...

    def merged(self, x: Float[Tensor, "b c h w"], filtered: Float[Tensor, "b m H W"]) -> Float[Tensor, "b k H W"]:
        """The second half, and the shortcut."""
        ...

    def __call__(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k H W"]:
        """Both halves."""
        ...


def run_units(
    units: Iterable[TappedUnit], x: Float[Tensor, "b c h w"], *, taps: Collection[int], outputs: Collection[int] = ()
) -> list[Tensor]:
    """What lies inside the units whose numbers are in `taps` and what those in `outputs` give, then the last output."""
    tapped = []
    for number, unit in enumerate(units):
        if number in taps:
            tapped.append(unit.filtered(x))
            x = unit.merged(x, tapped[-1])
        else:
            x = unit(x)
        if number in outputs:
            tapped.append(x)
    return [*tapped, x]
