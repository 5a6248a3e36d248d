"""Which tiles a picture is cut into, and which of them has a say where; integers only.

Along an axis the tiles of a picture overlap. Somewhere in each overlap the word passes from one tile to the next: at
once, or over some positions in which the share of the next one grows evenly. What a tile knows least about, the part
near its own borders, has no say.

Tiles begin at multiples of the output stride and are as long as the picture modulo the output stride. So every map of
the network has its positions in a tile where it has them in the picture, whatever the padding and parity.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from atrous.errors import InputError


@dataclass(frozen=True)
class Tiling:
    """How large pictures are cut.

    Attributes:
        size: Side in pixels of what the network sees at a time.
        overlap: Pixels that neighbours have in common, at least. From the receptive field on, which `atrous info`
            prints, no seam is left and the labels are those of the whole picture; below it the tiles are blended.
        means: What image pooling, the gates of Lite R-ASPP and squeeze-and-excite look at: all of the picture, which
            takes a pass over it for each of these layers, up to that layer; or the tile.
    """

    size: int = 1024
    overlap: int = 256
    means: Literal["picture", "tile"] = "picture"

    def __post_init__(self) -> None:
        """Reject tiles that cannot cover anything."""
        if not 1 <= self.size <= 65536 or not 0 <= self.overlap < self.size:
            raise InputError(
                f"tiles of {self.size} pixels that overlap by {self.overlap}: give a size up to 65536, and less overlap"
            )


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in pixels of the picture.

    Attributes:
        begin: First pixel that the network sees.
        end: The one after the last.
        start: Where its share begins to grow from 0; the border of the picture for the first tile.
        full: Where its share is all; equal to `start` where the word passes at once.
    """

    begin: int
    end: int
    start: int
    full: int

    @property
    def center(self) -> int:
        """The first pixel at which it has most to say."""
        return (self.start + self.full) // 2


def spans(length: int, *, tiling: Tiling, multiple: int, stride: int, fade: int) -> tuple[Span, ...]:
    """The tiles along an axis, evenly spread, in order.

    Args:
        length: Pixels of the axis, with what the network pads.
        tiling: Size and overlap; a picture that is no longer than the size is one tile.
        multiple: The output stride.
        stride: Of the logits; the word passes at multiples of it.
        fade: Pixels over which it passes, at most: fewer where tiles are short.

    Raises:
        InputError: If the tiles are too small for their overlap.
    """
    if length <= tiling.size:
        return (Span(0, length, 0, 0),)
    # Two strides more: positions between those of coarser maps see a little further to one side.
    common = tiling.overlap + 2 * multiple
    side = tiling.size - (tiling.size - length) % multiple
    step = (side - common) // multiple
    if step < 1:
        raise InputError(
            f"tiles of {tiling.size} pixels cannot overlap by {tiling.overlap}; "
            f"give them a size of at least {tiling.overlap + 4 * multiple}"
        )
    steps = (length - side) // multiple
    last = -(-steps // step)
    begins = [number * steps // last * multiple for number in range(last + 1)]
    widths = [before + side - begin for before, begin in pairwise(begins)]
    cuts = [begin + -(-width // (2 * stride)) * stride for begin, width in zip(begins[1:], widths, strict=True)]
    apart = min((after - before for before, after in pairwise(cuts)), default=length)
    half = max(min(fade // 2, (apart - stride) // 2, min(widths) // 2 - 2 * stride), 0) // stride * stride
    says = [(0, 0), *((cut - half, cut + half) for cut in cuts)]
    return tuple(Span(begin, begin + side, *fading) for begin, fading in zip(begins, says, strict=True))
