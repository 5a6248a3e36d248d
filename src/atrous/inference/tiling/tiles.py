"""Overlapping tiles along one axis of an image, and their blend weights.

Both axes are treated alike and independently: the blend weight of a tile is the product of its weights along height and
width. Along an axis, the weight of a tile rises linearly from 0 to 1 over its fade-in, and falls over its fade-out,
which is the fade-in of the next tile. So the weights of all tiles add up to 1 everywhere. The fades lie in the middle
of the overlaps, and weights are 0 near the borders of a tile, where its logits are affected by padding.

Tiles begin at multiples of the output stride, and their length equals that of the image modulo the output stride. So in
every feature map of the network a tile has its positions exactly where the whole image has them, whatever the padding
and however sizes are rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.errors import InputError
from atrous.ops.bilinear import Neighbours


@dataclass(frozen=True)
class Tiling:
    """Size and overlap of tiles.

    Attributes:
        size: Side of a tile in pixels.
        overlap: Overlap of neighbouring tiles in pixels, at least; two output strides are added to it. If it is at
            least the receptive field of the classifier, which `atrous info` prints, and all tiles see the same means,
            labels equal those of the whole image. Otherwise the tiles are blended. Means differ between tiles if
            `means` is "tile", and in the official MobileNetV3 heads, which average over windows of the tile.
        means: What image pooling, the gates of Lite R-ASPP and squeeze-and-excite average over: the whole image, which
            takes a pass over it for each of these layers, up to that layer; or the tile.
    """

    size: int = 1024
    overlap: int = 256
    means: Literal["picture", "tile"] = "picture"

    def __post_init__(self) -> None:
        """Reject tiles that cannot cover an image."""
        if not 1 <= self.size <= 65536 or not 0 <= self.overlap < self.size:
            raise InputError(
                f"tiles of {self.size} pixels that overlap by {self.overlap}: give a size up to 65536, and less overlap"
            )


class Fade(NamedTuple):
    """Pixels `begin` to `end` over which the blend weight passes from one tile to the next; none if they are equal."""

    begin: int
    end: int

    @property
    def middle(self) -> int:
        """First pixel at which the next tile has the larger weight."""
        return (self.begin + self.end) // 2


class TileSpan(NamedTuple):
    """A tile along one axis, in pixels of the image.

    Attributes:
        begin: First pixel of the tile.
        end: Pixel after the last.
        fade_in: Pixels over which its blend weight rises from 0 to 1; (0, 0) for the first tile.
        fade_out: Pixels over which it falls to 0: the fade-in of the next tile. For the last tile, both ends lie at or
            after the end of the image.
    """

    begin: int
    end: int
    fade_in: Fade
    fade_out: Fade


class Tile(NamedTuple):
    """A tile of an image: its rows and its columns."""

    rows: TileSpan
    columns: TileSpan


def tile_spans(
    length: int, *, tiling: Tiling, output_stride: int, logits_stride: int, fade: int
) -> tuple[TileSpan, ...]:
    """Tiles along an axis, evenly spread, in order.

    Args:
        length: Pixels of the axis, including what the network pads.
        tiling: Size and overlap. An image no longer than the size is one tile.
        output_stride: Tiles begin at multiples of it.
        logits_stride: Pixels per position of the coarse logits; fades begin and end at multiples of it.
        fade: Largest length of a fade in pixels; fades are shorter where tiles are short.

    Raises:
        InputError: If the tiles are too small for their overlap.
    """
    final = Fade(*[-(-length // logits_stride) * logits_stride] * 2)
    if length <= tiling.size:
        return (TileSpan(0, length, fade_in=Fade(0, 0), fade_out=final),)
    # Two strides more than asked for: interpolated positions see up to that much further to one side.
    overlap = tiling.overlap + 2 * output_stride
    side = tiling.size - (tiling.size - length) % output_stride
    max_step = (side - overlap) // output_stride
    if max_step < 1:
        raise InputError(
            f"tiles of {tiling.size} pixels cannot overlap by {tiling.overlap}; "
            f"give them a size of at least {tiling.overlap + 4 * output_stride}"
        )
    strides = (length - side) // output_stride
    last = -(-strides // max_step)
    begins = [number * strides // last * output_stride for number in range(last + 1)]
    overlaps = [before + side - begin for before, begin in pairwise(begins)]
    middles = [
        begin + -(-shared // (2 * logits_stride)) * logits_stride
        for begin, shared in zip(begins[1:], overlaps, strict=True)
    ]
    distance = min((after - before for before, after in pairwise(middles)), default=length)
    half = min(fade // 2, (distance - logits_stride) // 2, min(overlaps) // 2 - 2 * logits_stride)
    half = max(half, 0) // logits_stride * logits_stride
    fades = [Fade(0, 0), *(Fade(middle - half, middle + half) for middle in middles), final]
    return tuple(
        TileSpan(begin, begin + side, fade_in, fade_out)
        for begin, (fade_in, fade_out) in zip(begins, pairwise(fades), strict=True)
    )


@dataclass(frozen=True)
class BlendWeights:
    """Blend weights of a tile along one axis, at positions of the image's coarse logits.

    Attributes:
        first: First position with a weight here. It is one before the first positive weight, since a pixel between two
            positions needs the logits of both.
        local: The positions from `first` on, as indices of the tile's own logits.
        weights: Weight at each of these positions, 0..1.
        final: Number of positions, counted from `first`, to which no later tile contributes.
        pixels: Pixels of the image that lie between final positions, without those of earlier tiles.
        neighbours: The two positions, counted from `first`, between which each of these pixels is.
    """

    first: int
    local: slice
    weights: Float[Tensor, " n"]
    final: int
    pixels: slice
    neighbours: Neighbours

    @property
    def pending(self) -> slice:
        """Positions, counted from `first`, that the next tile needs: the last final one and all that are not final."""
        return slice(self.final - 1, None)

    @property
    def final_positions(self) -> slice:
        """The final positions as indices of the image's coarse logits."""
        return slice(self.first, self.first + self.final)


def blend_weights(spans: Sequence[TileSpan], neighbours: Neighbours, *, logits_stride: int) -> tuple[BlendWeights, ...]:
    """Blend weights of every tile along an axis.

    Args:
        spans: The tiles.
        neighbours: The two positions of the image's coarse logits between which each pixel of the image is.
        logits_stride: Pixels per position.
    """
    second = neighbours.second.cpu()
    # The pixels of a tile begin where the second neighbour is a position at which the tile has a weight.
    begins = [int(torch.searchsorted(second, span.fade_in.begin // logits_stride)) for span in spans[1:]]
    edges = [0, *begins, len(neighbours.first)]
    found: list[BlendWeights] = []
    for span, (begin, end) in zip(spans, pairwise(edges), strict=True):
        first, stop = max(span.fade_in.begin // logits_stride - 1, 0), span.fade_out.end // logits_stride
        rising = _ramp(span.fade_in, first, stop, logits_stride)
        weights = rising * (1 - _ramp(span.fade_out, first, stop, logits_stride))
        part, offset = neighbours.part(slice(begin, end)), span.begin // logits_stride
        found.append(
            BlendWeights(
                first=first,
                local=slice(first - offset, stop - offset),
                weights=weights.to(neighbours.weight),
                final=span.fade_out.begin // logits_stride - first,
                pixels=slice(begin, end),
                neighbours=Neighbours(part.first - first, part.second - first, part.weight),
            )
        )
    return tuple(found)


def _ramp(fade: Fade, first: int, stop: int, logits_stride: int) -> Float[Tensor, " n"]:
    """Values at positions `first` to `stop`: 0 before the fade, 1 after it, linear between."""
    begin, end = fade.begin // logits_stride, fade.end // logits_stride
    positions = torch.arange(first, stop, dtype=torch.float64)
    return ((positions - begin + 1) / (end - begin + 1)).clamp(0, 1)
