"""Curves, bars and confusion as SVG text that can stand inside an HTML page.

The only file that imports matplotlib. The same numbers give the same text, byte by byte: ids come from a fixed salt and
no date is written. Names are drawn letter by letter (`$` starts no formula) and matplotlib escapes them for XML.
"""

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle

import matplotlib
import numpy as np
from jaxtyping import Int64
from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from atrous.report.tables import ABSENT
from atrous.report.wording import shortened

Number = int | float

_COLORS = ("#3579c4", "#dd7127", "#2f9e6e", "#c04f86", "#8567cf", "#a88a1e")
"""Of middling lightness: at least 3 : 1 in contrast to both papers of the page."""

_DASHES = ("solid", "dashed", "dotted", "dashdot")
_INK = "#010203"
"""Stands for the page's text colour while drawing; `_svg` writes `currentColor` in its place."""

_NAME_LIMIT = 40


def line_plot(
    series: Mapping[str, Sequence[tuple[Number, Number]]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    log_y: bool = False,
) -> str:
    """Curves over a common x axis.

    Args:
        series: (x, y) points by name, in drawing order. A point that is not finite, or not positive where `log_y`, is
            left out and leaves a gap; a point between two gaps is drawn as a dot. Names are cut to 40 characters.
        title: Above the plot; also its accessible name.
        x_label: Below the x axis, with the unit.
        y_label: Beside the y axis, with the unit.
        log_y: Logarithmic y axis.

    Returns:
        One `<svg>` element; axes and letters take the text colour of the page.
    """
    names = [shortened(name, limit=_NAME_LIMIT) for name in series] if len(series) > 1 else []
    columns = max(88 // (8 + max(map(len, names), default=0)), 1)
    with _drawing(width=7.2, height=3.4 + 0.2 * math.ceil(len(names) / columns)) as (figure, axes):
        styles = zip(series.items(), cycle(_COLORS), (dash for dash in cycle(_DASHES) for _ in _COLORS))
        curves = []
        for (_, points), color, dash in styles:
            x, y = np.array(points, float).reshape(-1, 2).T
            drawn = np.isfinite(x) & np.isfinite(y) & ((y > 0) | (not log_y))
            alone = drawn & ~np.append(drawn[1:], False) & ~np.append(False, drawn[:-1])
            x, y = np.where(drawn, (x, y), np.nan)
            curves += axes.plot(x, y, color=color, linestyle=dash)
            axes.plot(x[alone], y[alone], color=color, linestyle="none", marker="o", markersize=3)
        if log_y:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.15)
        axes.set_xlabel(shortened(x_label, limit=80))
        axes.set_ylabel(shortened(y_label, limit=80))
        if names:
            figure.legend(curves, names, loc="outside lower center", ncols=columns, frameon=False)
        return _svg(figure, axes, title)


def bar_plot(values: Mapping[str, Number | None], *, title: str, x_label: str, spec: str = ".3f") -> str:
    """Horizontal bars from zero with the numbers at their ends, the first on top.

    Args:
        values: One number by name; None and numbers that are not finite get a dash and no bar. Names are cut to 40
            characters.
        title: Above the plot; also its accessible name.
        x_label: Below the axis, with the unit.
        spec: Format of the numbers.

    Returns:
        One `<svg>` element; axes and letters take the text colour of the page.
    """
    lengths = [value if value is not None and math.isfinite(value) else None for value in values.values()]
    with _drawing(width=7.2, height=0.9 + 0.24 * len(values)) as (figure, axes):
        places = range(len(lengths))
        axes.barh(places, [length or 0.0 for length in lengths], height=0.68, color=_COLORS[0])
        for place, length in zip(places, lengths, strict=True):
            text = ABSENT if length is None else format(length, spec)
            axes.annotate(text, (max(length or 0.0, 0.0), place), (4, 0), textcoords="offset points", va="center")
        axes.set_yticks(places, [shortened(name, limit=_NAME_LIMIT) for name in values])
        axes.set_ylim(len(lengths) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.1)
        axes.set_xlabel(shortened(x_label, limit=80))
        return _svg(figure, axes, title)


def confusion_plot(matrix: Int64[np.ndarray, "k k"], *, names: Sequence[str]) -> str:
    """A confusion matrix as a square of squares: what is right in blue, what is mistaken in orange.

    A square is as opaque as the root of its share of the true class's pixels, so that a mistake of one per cent shows.
    Up to 40 classes the shares stand in it, in per cent, from one per cent on.

    Args:
        matrix: Pixels by `[true class, predicted class]`; the row of a class without pixels stays empty.
        names: Of the classes; cut to 24 characters.

    Returns:
        One `<svg>` element that is as wide as its letters need: 25 cm for 150 classes.
    """
    count, labels = len(matrix), [shortened(name, limit=24) for name in names]
    steps = ((12, 0.4, 9, 8), (40, 0.24, 9, 6), (count, 0.13, 7, 0))
    cell, letters, numbers = next(sizes for most, *sizes in steps if count <= most)  # inches, points, points
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    right, wrong = (to_rgb(color) for color in _COLORS[:2])
    colors = np.where(np.eye(count, dtype=bool)[..., None], right, wrong)
    side = cell * count + 2.2  # the names' room
    with _drawing(width=side, height=side) as (figure, axes):
        axes.imshow(np.concatenate([colors, np.sqrt(shares)[..., None]], axis=2), interpolation="none")
        for row, column in np.argwhere(shares >= 0.005).tolist() if numbers else ():
            axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", fontsize=numbers)
        axes.xaxis.tick_top()
        axes.xaxis.set_label_position("top")
        axes.set_xticks(range(count), labels, rotation=90)
        axes.set_yticks(range(count), labels)
        axes.tick_params(length=0, labelsize=letters)
        axes.spines[:].set_visible(True)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        return _svg(figure, axes, "Confusion")


@contextmanager
def _drawing(*, width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure of so many inches under our settings alone, whatever the user's matplotlibrc says."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        # Letters are written as text, so the browser finds the glyphs that the measuring font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": "atrous",
                "text.parse_math": False,
                "font.sans-serif": ["DejaVu Sans"],
                "font.size": 9,
                "axes.titlesize": 10,
                "axes.titlelocation": "left",
                "axes.spines.top": False,
                "axes.spines.right": False,
                **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "grid.color"), _INK),
                **dict.fromkeys(("xtick.color", "ytick.color"), _INK),
            }
        )
        figure = Figure((width, height), layout="constrained")
        yield figure, figure.add_subplot()


def _svg(figure: Figure, axes: Axes, title: str) -> str:
    axes.set_title(shortened(title, limit=100))
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    element = file.getvalue().partition("<svg")[2]
    # Only inside tags: what a user wrote stands between them, with < and > escaped.
    element = re.sub("<[^>]*>", lambda tag: tag[0].replace(_INK, "currentColor"), element)
    return f'<svg role="img" aria-label="{escape(axes.get_title(loc="left"))}"{element}'
