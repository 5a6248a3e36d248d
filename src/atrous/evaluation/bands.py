"""Pixels near something, measured by squares: within n pixels means no more than n rows and n columns away.

Such a square is what n dilations by 3x3 reach. Its window is looked through in steps that double, so that a wide band
costs little more than a narrow one and numpy is all it takes.
"""

import numpy as np
from jaxtyping import Bool, Integer


def near_contours(labels: Integer[np.ndarray, "h w"], *, distance: int, border: bool) -> Bool[np.ndarray, "h w"]:
    """Pixels with a pixel of another label within a distance.

    Args:
        labels: Any integers.
        distance: In pixels, 1 or more.
        border: Whether what lies outside of the image has another label, too.
    """
    framed = np.pad(labels, 1, mode="edge")
    corner = framed[:-1, :-1]
    # A square of pixels holds two labels where one of the 2x2 blocks inside it does.
    mixed = (corner != framed[1:, :-1]) | (corner != framed[:-1, 1:]) | (corner != framed[1:, 1:])
    if border:
        mixed[[0, -1]] = mixed[:, [0, -1]] = True
    return _any_in_window(np.pad(mixed, distance - 1), size=2 * distance)


def near(marks: Bool[np.ndarray, "h w"], *, distance: int) -> Bool[np.ndarray, "h w"]:
    """Pixels with a mark within a distance of 0 or more pixels."""
    return _any_in_window(np.pad(marks, distance), size=2 * distance + 1)


def _any_in_window(marks: Bool[np.ndarray, "h w"], *, size: int) -> Bool[np.ndarray, "_ _"]:
    """Whether a mark is among the `size` x `size` from here on, below and to the right, where they are all there."""
    for _ in range(2):
        reach = 1
        while reach < size:
            step = min(reach, size - reach)
            marks = marks[:-step] | marks[step:]
            reach += step
        marks = marks.T
    return marks
