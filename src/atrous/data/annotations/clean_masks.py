"""Class ids of masks that were smoothed or compressed with loss: every pixel gets the nearest of the classes' colours.

Colours of classes fill areas; those of smoothed edges and of compression lie between them and hardly ever beside their
like. So colours are counted where a pixel looks like its right and its lower neighbour, and the most frequent ones that
differ clearly are the classes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from atrous.data.annotations.color_masks import packed_colors, value_counts
from atrous.data.annotations.proposals import color_names
from atrous.data.formats.images import read_image
from atrous.data.pairs import Pair, background_ids
from atrous.data.schema import Schema
from atrous.errors import InputError
from atrous.labels import Color, LabelSpace

_NEAR, _APART = 12, 40
"""Colours differ by so much at most where a pixel looks like its neighbour; classes differ by so much at least."""
_LEAST = 5e-4
"""Share of the pixels within areas that a class has at least."""
_MOST_CLASSES = 32
_KEPT = 4096
_MOST_PIXELS = 2**26


@dataclass(frozen=True)
class CleanMasks:
    """Reads smoothed masks by the nearest colour.

    Attributes:
        schema: The classes, in the colours that the masks show.
    """

    schema: Schema

    def __call__(self, pair: Pair, schema: Schema) -> UInt8[np.ndarray, "h w"]:
        """Class ids of a pair; raises InputError where its mask cannot be read."""
        del schema  # the classes are those that the masks show
        if not pair.has_mask:
            return background_ids(pair, self.schema).astype(np.uint8)
        return nearest_class(shown_colors(pair.mask), self.schema.labels.palette)


def shown_colors(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """The colours of a mask as a viewer shows them, of codecs with loss, too; raises InputError as `read_image`."""
    return read_image(path, max_pixels=_MOST_PIXELS)


def clean_masks(paths: Sequence[Path]) -> CleanMasks | None:
    """The classes that masks show apart from smoothed edges; None where they show fewer than two, or a picture."""
    flat = Counter[int]()
    pixels = 0
    for path in paths:
        try:
            colors = shown_colors(path)
        except InputError:  # named where masks are read one by one
            continue
        pixels += colors.shape[0] * colors.shape[1]
        flat.update(value_counts(packed_colors(colors)[:-1, :-1][_is_flat(colors)], most=_KEPT))
    total = sum(flat.values())
    kept: list[Color] = []
    mass = 0
    for color, count in flat.most_common():
        parts = _unpacked(color)
        if any(max(abs(a - b) for a, b in zip(parts, one, strict=True)) < _APART for one in kept):
            mass += count
        elif count >= _LEAST * total:
            kept.append(parts)
            mass += count
    if not 2 <= len(kept) <= _MOST_CLASSES or mass < 0.95 * total or total < 0.3 * pixels:
        return None
    return CleanMasks(_schema(kept))


def nearest_class(colors: UInt8[np.ndarray, "h w 3"], palette: Sequence[Color]) -> UInt8[np.ndarray, "h w"]:
    """The place of the nearest colour of a palette, by the sum of squared differences."""
    found, inverse = np.unique(packed_colors(colors), return_inverse=True)
    parts = np.stack([found >> 16, (found >> 8) & 255, found & 255], axis=1)
    distances = ((parts[:, None] - np.array(palette, np.int64)[None]) ** 2).sum(axis=2)
    return distances.argmin(axis=1).astype(np.uint8)[inverse].reshape(colors.shape[:2])


def _is_flat(colors: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "a b"]:
    """True where a pixel looks like its right and its lower neighbour."""
    values = colors.astype(np.int16)
    here = values[:-1, :-1]
    right, below = np.abs(values[:-1, 1:] - here).max(axis=2), np.abs(values[1:, :-1] - here).max(axis=2)
    return (right <= _NEAR) & (below <= _NEAR)


def _schema(colors: Sequence[Color]) -> Schema:
    """Black first, the others by their colour; greys near black and white count as those."""
    rounded = sorted({_rounded(color) for color in colors})
    if rounded == [(0, 0, 0), (255, 255, 255)]:
        return Schema(LabelSpace(("background", "foreground"), palette=tuple(rounded)))
    return Schema(LabelSpace(color_names(rounded), palette=tuple(rounded)))


def _rounded(color: Color) -> Color:
    """The colour; one whose channels are all near 0 or 255 with them there: compression shifts them by a few steps."""
    red, green, blue = (0 if part <= _NEAR else 255 if part >= 255 - _NEAR else -1 for part in color)
    return color if min(red, green, blue) < 0 else (red, green, blue)


def _unpacked(color: int) -> Color:
    red, green, blue = color.to_bytes(3, "big")
    return red, green, blue
