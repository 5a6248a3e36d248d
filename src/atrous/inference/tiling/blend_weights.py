"""What a tile contributes to the coarse logits of the whole picture along one axis, and which pixels follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.inference.tiling.tiles import Span
from atrous.ops.bilinear import Neighbours


@dataclass(frozen=True)
class BlendWeights:
    """Positions are those of the logits.

    Attributes:
        first: The first position of the whole map that counts here: one before the tile has a say, since the pixels
            between two positions need both.
        local: The positions from there on, in the tile's own map.
        weights: What the tile has to say at each of them, 0..1.
        final: How many of them no later tile has a say at.
        pixels: Those whose two neighbours are final now, and were not before.
        places: Between which of `local` they lie.
    """

    first: int
    local: slice
    weights: Float[Tensor, " n"]
    final: int
    pixels: slice
    places: Neighbours

    @property
    def pending(self) -> slice:
        """The positions that the next tile goes on with: the last final one, and those that are not."""
        return slice(self.final - 1, None)

    @property
    def whole(self) -> slice:
        """The final positions in the whole map."""
        return slice(self.first, self.first + self.final)


def blend_weights(spans: Sequence[Span], places: Neighbours, *, stride: int) -> tuple[BlendWeights, ...]:
    """The share of every tile.

    Args:
        spans: The tiles along the axis.
        places: Between which positions of the whole map each pixel of the picture lies.
        stride: Of the logits.
    """
    length, pixels = spans[-1].end, len(places.first)
    positions = -(-length // stride)
    beyond = Span(length, length, positions * stride, positions * stride)
    second = places.second.cpu()
    # From here on a pixel needs a position at which the tile has a say.
    edges = [0, *(int(torch.searchsorted(second, span.start // stride)) for span in spans[1:]), pixels]
    found = []
    for span, after, (begin, end) in zip(spans, (*spans[1:], beyond), pairwise(edges), strict=True):
        first, stop = max(span.start // stride - 1, 0), after.full // stride
        own = _ramp(span, first, stop, stride=stride) if span.begin else torch.ones(stop - first)
        weights = own * (1 - _ramp(after, first, stop, stride=stride))
        part, own_first = places.part(slice(begin, end)), span.begin // stride
        found.append(
            BlendWeights(
                first=first,
                local=slice(first - own_first, stop - own_first),
                weights=weights.to(places.weight),
                final=after.start // stride - first,
                pixels=slice(begin, end),
                places=Neighbours(part.first - first, part.second - first, part.weight),
            )
        )
    return tuple(found)


def _ramp(span: Span, first: int, stop: int, *, stride: int) -> Float[Tensor, " n"]:
    """0 before the tile has a say, 1 where it has all, evenly between."""
    start, full = span.start // stride, span.full // stride
    positions = torch.arange(first, stop, dtype=torch.float64)
    return ((positions - start + 1) / (full - start + 1)).clamp(0, 1)
