"""A confusion matrix as SVG text that can stand inside an HTML page: a square of squares, for any number of classes."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from jaxtyping import Int64
from markupsafe import Markup
from rich.cells import cell_len

from atrous.report.plots import COLORS
from atrous.report.wording import shortened

_SMALLEST = 0.001
"""Smaller shares are left out: a square of theirs could not be seen."""
_SIZES = ((12, 34, 13, 11), (40, 20, 13, 9))
"""Most classes, then the sides of a square, the letters of names and those of numbers in pixels."""
_MANY = (13, 10, 0)
"""The same for more classes, without numbers."""


def confusion_plot(matrix: Int64[np.ndarray, "k k"], *, names: Sequence[str]) -> str:
    """Draw right pixels in blue and mistaken ones in orange; a square tells its share in a tooltip.

    A square is as opaque as the root of its share of the true class's pixels, so that a mistake of one per cent shows.
    Up to 40 classes the shares stand in it, in per cent, from one per cent on.

    Args:
        matrix: Pixels by `[true class, predicted class]`; the row of a class without pixels stays empty.
        names: Names of the classes, cut to 24 characters.

    Returns:
        One `<svg>` element as large as its letters need: 2100 pixels wide for 150 classes.
    """
    labels = [shortened(name, limit=24) for name in names]
    side, letters, digits = next((sizes for most, *sizes in _SIZES if len(labels) <= most), _MANY)
    room = round(0.62 * letters * max(map(cell_len, labels))) + 3.0 * letters
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    length = side * len(labels)
    parts = [
        *(_name(label, x=room - 6, y=room + side * (place + 0.5)) for place, label in enumerate(labels)),
        *(_name(label, x=room + side * (place + 0.5), y=room - 6, turned=True) for place, label in enumerate(labels)),
        *(
            _square(float(shares[row, column]), row, column, labels=labels, side=side, room=room, digits=digits)
            for row, column in np.argwhere(shares >= _SMALLEST).tolist()
        ),
    ]
    layout = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Confusion" width="{0}" height="{0}" '
        'viewBox="0 0 {0} {0}" font-size="{1}" fill="currentColor" dominant-baseline="central">\n{2}\n'
        '<rect x="{3}" y="{3}" width="{4}" height="{4}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>\n'
        '<text x="{5}" y="{1}" text-anchor="middle">predicted</text>\n'
        '<text transform="translate({1} {5}) rotate(-90)" text-anchor="middle">true</text>\n</svg>'
    )
    return str(layout.format(room + length + 2, letters, Markup("\n").join(parts), room, length, room + length / 2))


def _name(label: str, *, x: float, y: float, turned: bool = False) -> Markup:
    """A class's name, ending at its row, or beginning above its column and turned by a quarter."""
    layout = (
        '<text transform="translate({} {}) rotate(-90)">{}</text>'
        if turned
        else '<text x="{}" y="{}" text-anchor="end">{}</text>'
    )
    return Markup(layout).format(x, y, label)


def _square(
    share: float, row: int, column: int, *, labels: Sequence[str], side: int, room: float, digits: int
) -> Markup:
    x, y = room + side * column, room + side * row
    color, verb = (COLORS[0], "found as") if row == column else (COLORS[1], "taken for")
    square = Markup(
        '<rect x="{}" y="{}" width="{}" height="{}" fill="{}" fill-opacity="{:.3f}"><title>{}</title></rect>'
    ).format(x, y, side, side, color, sqrt(share), f"{labels[row]} {verb} {labels[column]}: {share:.1%}")
    if not digits or share < 0.005:
        return square
    number = Markup('<text x="{}" y="{}" font-size="{}" text-anchor="middle" pointer-events="none">{:.0f}</text>')
    return square + number.format(x + side / 2, y + side / 2, digits, 100 * share)
