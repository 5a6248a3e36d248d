"""The way through a backbone's units, with what the decoder takes from inside some of them."""

from collections.abc import Collection, Iterable
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class SkipUnit(Protocol):
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
    units: Iterable[SkipUnit], x: Float[Tensor, "b c h w"], *, skips: Collection[int], outputs: Collection[int] = ()
) -> list[Tensor]:
    """Features inside the units numbered in `skips`, outputs of those in `outputs`, then the last output."""
    skip_features = []
    for number, unit in enumerate(units):
        if number in skips:
            skip_features.append(unit.filtered(x))
            x = unit.merged(x, skip_features[-1])
        else:
            x = unit(x)
        if number in outputs:
            skip_features.append(x)
    return [*skip_features, x]
