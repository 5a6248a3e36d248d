"""Overlapping tiles along one axis of an image.

Both axes are treated alike and independently. Along an axis, the blend weight of a tile rises from 0 to 1 over a
cross-fade, and falls over the next one, which is the one over which the next tile's rises. The cross-fades lie in the
middle of the overlaps, and weights are 0 near the borders of a tile, where its logits are affected by padding.

Tiles begin at multiples of the output stride. The side of a tile is congruent to the length of the image modulo the
output stride. So the sampling grid of every feature map is the same in a tile and in the whole image, whatever the
padding and the rounding of sizes.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from atrous.errors import InputError
from atrous.sizes import ceil_div


@dataclass(frozen=True)
class Tiling:
    """Size and overlap of tiles.

    Attributes:
        size: Largest side of a tile in pixels; tiles are up to output stride - 1 pixels shorter.
        overlap: Overlap of neighbouring tiles in pixels, at least; two output strides are added to it. If it is at
            least the receptive field of the classifier, which `atrous info` prints, and all tiles see the same means,
            labels equal those of the whole image. Otherwise the tiles are blended. Means differ between tiles if
            `mean_over` is "tile", and in the official MobileNetV3 heads, which average over windows of the tile.
        mean_over: Area over which image pooling, squeeze-and-excite and the gates of Lite R-ASPP average: the whole
            image (one additional pass over the tiles per such layer) or the tile.
    """

    size: int = 1024
    overlap: int = 256
    mean_over: Literal["image", "tile"] = "image"

    def __post_init__(self) -> None:
        """Reject tiles that cannot cover an image."""
        if not 1 <= self.size <= 65536 or not 0 <= self.overlap < self.size:
            raise InputError(
                f"tiles of {self.size} pixels that overlap by {self.overlap}: give a size up to 65536, and less overlap"
            )


class CrossFade(NamedTuple):
    """Pixels over which the blend weight changes from one tile to the next.

    Attributes:
        begin: First pixel, a multiple of the logits stride.
        end: Pixel after the last, a multiple of the logits stride. If it equals `begin`, the weight changes at once.
    """

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
    fade_in: CrossFade
    fade_out: CrossFade


class Tile(NamedTuple):
    """A tile of an image: its rows and its columns."""

    rows: TileSpan
    columns: TileSpan


def tile_spans(
    length: int, *, tiling: Tiling, output_stride: int, logits_stride: int, fade: int
) -> tuple[TileSpan, ...]:
    """Divide an axis into evenly spread tiles, in order.

    Args:
        length: Pixels of the axis, including what the network pads.
        tiling: Size and overlap. An image no longer than the size is one tile.
        output_stride: Tiles begin at multiples of it.
        logits_stride: Pixels per position of the coarse logits; fades begin and end at multiples of it.
        fade: Largest length of a fade in pixels; fades are shorter where tiles are short.

    Raises:
        InputError: If the tiles are too small for their overlap.
    """
    after_last = CrossFade(*[ceil_div(length, logits_stride) * logits_stride] * 2)
    if length <= tiling.size:
        return (TileSpan(0, length, fade_in=CrossFade(0, 0), fade_out=after_last),)
    # Two output strides are added: where sizes are not padded, resizing inside the network can move the receptive field
    # by that much.
    overlap = tiling.overlap + 2 * output_stride
    side = tiling.size - (tiling.size - length) % output_stride
    max_step = (side - overlap) // output_stride
    if max_step < 1:
        raise InputError(
            f"tiles of {tiling.size} pixels cannot overlap by {tiling.overlap}; "
            f"give them a size of at least {tiling.overlap + 4 * output_stride}"
        )
    steps = (length - side) // output_stride
    tile_count = ceil_div(steps, max_step) + 1
    begins = [index * steps // (tile_count - 1) * output_stride for index in range(tile_count)]
    overlaps = [before + side - begin for before, begin in pairwise(begins)]
    middles = [
        begin + ceil_div(shared, 2 * logits_stride) * logits_stride
        for begin, shared in zip(begins[1:], overlaps, strict=True)
    ]
    smallest_gap = min((after - before for before, after in pairwise(middles)), default=length)
    half = min(fade // 2, (smallest_gap - logits_stride) // 2, min(overlaps) // 2 - 2 * logits_stride)
    half = max(half, 0) // logits_stride * logits_stride
    fades = [CrossFade(0, 0), *(CrossFade(middle - half, middle + half) for middle in middles), after_last]
    return tuple(
        TileSpan(begin, begin + side, fade_in, fade_out)
        for begin, (fade_in, fade_out) in zip(begins, pairwise(fades), strict=True)
    )
