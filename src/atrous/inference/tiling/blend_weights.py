"""Blend weights of overlapping tiles along one axis of an image.

The blend weight of a tile is the product of its weights along height and width. Along an axis, it rises linearly from 0
to 1 over the tile's first cross-fade, and falls over its last one, over which the weight of the next tile rises. So the
weights of all tiles add up to 1 everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.inference.tiling.tiles import CrossFade, TileSpan
from atrous.ops.bilinear import Neighbours


@dataclass(frozen=True)
class BlendWeights:
    """Blend weights of a tile along one axis, at positions of the image's coarse logits.

    Attributes:
        start: First position of the image's coarse logits that this tile needs. Except for the first tile its weight is
            0: a pixel between two positions needs the logits of both, and those here come from the tile before.
        tile_slice: The positions from `start` on, as indices of the tile's logits.
        weights: Weight at each of these positions, 0..1.
        final_count: Number of positions, counted from `start`, to which no later tile contributes.
        image_pixels: Pixels of the image that lie between final positions, without those of earlier tiles.
        neighbours: The two positions, counted from `start`, between which each of these pixels is.
    """

    start: int
    tile_slice: slice
    weights: Float[Tensor, " n"]
    final_count: int
    image_pixels: slice
    neighbours: Neighbours

    @property
    def pending_slice(self) -> slice:
        """Positions, counted from `start`, that the next tile needs: the last final one and all that are not final."""
        return slice(self.final_count - 1, None)

    @property
    def final_positions(self) -> slice:
        """The final positions as indices of the image's coarse logits."""
        return slice(self.start, self.start + self.final_count)


def blend_weights(spans: Sequence[TileSpan], neighbours: Neighbours, *, logits_stride: int) -> tuple[BlendWeights, ...]:
    """Compute the blend weights of every tile along an axis.

    Args:
        spans: The tiles.
        neighbours: The two positions of the image's coarse logits between which each pixel of the image is.
        logits_stride: Pixels per position.
    """
    second = neighbours.second.cpu()
    # The pixels of a tile begin where the second neighbour is a position at which the tile has a weight.
    begins = [int(torch.searchsorted(second, span.fade_in.begin // logits_stride)) for span in spans[1:]]
    edges = [0, *begins, len(neighbours.first)]
    weights: list[BlendWeights] = []
    for span, (begin, end) in zip(spans, pairwise(edges), strict=True):
        start, stop = max(span.fade_in.begin // logits_stride - 1, 0), span.fade_out.end // logits_stride
        rising = _ramp(span.fade_in, start, stop, logits_stride)
        tile_weights = rising * (1 - _ramp(span.fade_out, start, stop, logits_stride))
        part, offset = neighbours.part(slice(begin, end)), span.begin // logits_stride
        weights.append(
            BlendWeights(
                start=start,
                tile_slice=slice(start - offset, stop - offset),
                weights=tile_weights.to(neighbours.weight),
                final_count=span.fade_out.begin // logits_stride - start,
                image_pixels=slice(begin, end),
                neighbours=Neighbours(part.first - start, part.second - start, part.weight),
            )
        )
    return tuple(weights)


def _ramp(fade: CrossFade, start: int, stop: int, logits_stride: int) -> Float[Tensor, " n"]:
    """Return weights at positions `start` to `stop` - 1.

    They are 0 before `fade.begin`, 1 from `fade.end` on, and rise linearly from 1/(n+1) to n/(n+1) over the n positions
    between.
    """
    begin, end = fade.begin // logits_stride, fade.end // logits_stride
    positions = torch.arange(start, stop, dtype=torch.float64)
    return ((positions - begin + 1) / (end - begin + 1)).clamp(0, 1)
