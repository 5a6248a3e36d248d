"""Colours of a few pixels in masks that are no classes: edges mixed of two classes, compression, slips of a pencil."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from atrous.data.annotations.color_masks import packed_colors
from atrous.data.annotations.masks import read_numbers_or_colors
from atrous.data.annotations.proposals import is_stray, value_totals
from atrous.data.annotations.smoothed_colors import Place, is_between, is_near
from atrous.errors import InputError

_RARE, _THIN = 0.1, 0.5
"""A colour that compression altered, and one of edges, have at most this share of the pixels of what they were."""
_READ, _FLAT = 3, 0.05
"""Masks that are read to see whether a colour fills areas: this share of its pixels has its like around."""


def stray_colors(masks: Mapping[Path, Mapping[int, int]]) -> dict[int, Path]:
    """The colours that are no classes, each with a mask that holds it; none where all may be classes.

    A stray has few pixels in few masks, is nearly a much more frequent colour, or lies between two of them and fills no
    area.

    Args:
        masks: Colour as 0xRRGGBB -> pixels, of every mask.
    """
    counts = value_totals(masks.values())
    pure: list[tuple[Place, int]] = []
    found: dict[int, Path] = {}
    for color, count in sorted(counts.pixels.items(), key=lambda item: -item[1]):
        place = np.array([color >> 16, (color >> 8) & 255, color & 255], float)
        known = [one for one, size in pure if count <= _RARE * size]
        holders = [path for path, pixels in masks.items() if color in pixels]
        larger = [one for one, size in pure if count <= _THIN * size]
        mixed = is_between(place, larger) and not _fills_areas(color, holders[:_READ])
        if is_near(place, known) or mixed or (len(pure) > 1 and is_stray(counts, color)):
            found[color] = holders[0]
        else:
            pure.append((place, count))
    return found if len(pure) > 1 else {}


def _fills_areas(color: int, paths: list[Path]) -> bool:
    """Return True if pixels of a colour have their like to the right, below, and between the two."""
    around = pixels = 0
    for path in paths:
        try:
            inside = packed_colors(read_numbers_or_colors(path)) == color
        except (InputError, ValueError):
            continue
        pixels += int(inside.sum())
        around += int((inside[:-1, :-1] & inside[1:, :-1] & inside[:-1, 1:] & inside[1:, 1:]).sum())
    return around > _FLAT * pixels
