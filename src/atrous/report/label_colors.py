"""Colours of label maps, and the one check that a label map belongs to its label space."""

from itertools import chain

import numpy as np
from jaxtyping import Integer, UInt8, UInt16

from atrous.errors import InputError
from atrous.labels import Color, LabelSpace


def label_index(labels: Integer[np.ndarray, "h w"], space: LabelSpace, *, where: str) -> UInt16[np.ndarray, "h w"]:
    """Class ids as they are, the ignore value as `len(space)`.

    Args:
        labels: Class ids 0..n-1 and the ignore value, in any integer type.
        space: The label space they must belong to.
        where: Names the file or the map in the error.

    Raises:
        InputError: If any value is neither a class id nor the ignore value.
    """
    known = (labels == space.ignore) | ((labels >= 0) & (labels < len(space)))
    if not known.all():
        raise InputError(
            f"{where}: value {labels[~known][0]} is neither a class id 0..{len(space) - 1} "
            f"nor the ignore value {space.ignore}; use the label space that the labels were made with"
        )
    return np.where(labels == space.ignore, np.uint16(len(space)), labels.astype(np.uint16))


def ignore_color(space: LabelSpace) -> Color:
    """Colour of ignored pixels: white, or the lightest grey that is no class's colour."""
    taken = set(space.palette)
    levels = range(255, -1, -1)
    greys = ((level, level, level) for level in levels)
    # A palette may hold all 256 greys, but never all colours.
    colors = ((red, green, blue) for red in levels for green in levels for blue in levels)
    return next(color for color in chain(greys, colors) if color not in taken)


def colorize(labels: Integer[np.ndarray, "h w"], space: LabelSpace) -> UInt8[np.ndarray, "h w 3"]:
    """Every pixel in the colour of its class; ignored pixels in `ignore_color(space)`, which no class has.

    Raises:
        InputError: If a value is neither a class id nor the ignore value.
    """
    colors = np.array([*space.palette, ignore_color(space)], np.uint8)
    return colors.take(label_index(labels, space, where="label map"), axis=0)
