"""Colours and outlines of overlays: bright, distinct foreground classes over an untouched background."""

import colorsys
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Integer

from atrous.labels import Color, LabelSpace, bit_palette

BACKGROUND_NAMES = ("background", "_background_", "bg")
"""Names of a class 0 that overlays leave alone."""

_GOLDEN_ANGLE = 0.381966
"""Share of a full turn between the hues of two classes, after which no two of many are alike."""

OUTLINED_SIDE = 64
"""Shorter side in pixels from which outlines are drawn."""


def background_class(space: LabelSpace) -> int | None:
    """Id of the background class: class 0 if its name says so, or if it is one of two classes without names."""
    if space.names[0].casefold() in BACKGROUND_NAMES:
        return 0
    return 0 if space.names == ("class 0", "class 1") else None


def bright_space(space: LabelSpace) -> LabelSpace:
    """Return the label space with bright, distinct colours, unless it has colours of its own."""
    if space.palette != bit_palette(len(space)):
        return space
    return replace(space, palette=tuple(_bright(label) for label in range(len(space))))


def outlines(labels: Integer[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels with another label on their right or below; all False for small images."""
    edges = np.zeros(labels.shape, bool)
    if min(labels.shape) < OUTLINED_SIDE:
        return edges
    edges[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    edges[:-1] |= labels[1:] != labels[:-1]
    width = max(labels.shape) // 1000  # thicker in large images, which are shown reduced
    for _ in range(width):
        edges[:, 1:] |= edges[:, :-1].copy()
        edges[1:] |= edges[:-1].copy()
    return edges


def _bright(label: int) -> Color:
    """Colours of full saturation around the colour circle, from red on, alternately lighter and darker."""
    hue = (label - 1) * _GOLDEN_ANGLE % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.95 if label % 2 else 0.75, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
