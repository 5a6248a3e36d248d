"""Recognising colours that smoothed edges mix of the colours of classes."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float64

_NEAR = 8.0
"""Distance in RGB within which a colour counts as mixed, or as another one altered by compression."""
_RARE = 0.1
"""A mixed colour has at most this share of the pixels of each colour that it is mixed of."""
_LEAST, _MOST_PURE = 4, 24
Place = Float64[np.ndarray, "3"]
"""A colour as red, green and blue."""


def are_smoothed(pixels: Mapping[int, int]) -> bool:
    """Return True if most colours lie between more frequent ones and have few pixels: edges, not classes.

    Args:
        pixels: Colour as 0xRRGGBB -> pixels.
    """
    pure: list[tuple[Place, int]] = []
    mixed = 0
    for color, count in sorted(pixels.items(), key=lambda item: -item[1]):
        point = np.array([color >> 16, (color >> 8) & 255, color & 255], float)
        known = [one for one, size in pure if count <= _RARE * size]
        if is_near(point, known) or is_between(point, known):
            mixed += 1
        elif len(pure) == _MOST_PURE:
            return False
        else:
            pure.append((point, count))
    return mixed >= _LEAST and mixed > len(pure)


def is_near(point: Place, known: Sequence[Place]) -> bool:
    """Return True if a colour is nearly one of the others."""
    return any(float(np.linalg.norm(point - one)) <= _NEAR for one in known)


def is_between(point: Place, known: Sequence[Place]) -> bool:
    """Return True if a colour is nearly mixed of two of the others."""
    if len(known) < 2:
        return False
    first, second = (np.stack(ends) for ends in zip(*combinations(known, 2), strict=True))
    along = second - first
    share = ((point - first) * along).sum(axis=1) / (along**2).sum(axis=1)
    distance = np.linalg.norm(first + np.clip(share, 0, 1)[:, None] * along - point, axis=1)
    return bool(((share > 0) & (share < 1) & (distance <= _NEAR)).any())
