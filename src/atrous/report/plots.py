"""Curves and bars as SVG text that can stand inside an HTML page, and the look that all drawings share.

Colours and letters are the same everywhere, whatever the user's matplotlibrc says. The same numbers give the same file,
byte by byte: ids come from a fixed salt and no date is written. Names are drawn letter by letter (`$` starts no
formula) and matplotlib escapes them for XML.
"""

import io
import math
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import escape

from atrous.labels import Color
from atrous.report.tables import ABSENT
from atrous.report.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
else:  # matplotlib takes half a second to load: it is imported where something is drawn
    Axes = Figure = SubFigure = object

Number = int | float

COLORS = ("#3579c4", "#dd7127", "#2f9e6e", "#c04f86", "#8567cf", "#a88a1e")
"""Colours of middling lightness, at least 3 : 1 in contrast to light and to dark paper."""

INK = "#010203"
"""Lines and letters: all but black."""

UNDATED = dict.fromkeys(("Creator", "Date", "Format", "Type"))
"""Metadata of an SVG that says nothing of when and by what it was drawn."""

_WIDTH = 4.8
"""Inches. Letters of 9 points are then read as well in the 360 pixels of a phone as in half of a wide page."""

_LINE = 50
"""Letters of a title or label that fit beside each other above or below the axes."""

_DASHES = ("solid", "dashed", "dotted", "dashdot")
_NAME_LIMIT = 40


@contextmanager
def drawing(*, width: Number, height: Number) -> Iterator[Figure]:
    """An empty figure of so many inches, under our settings alone until the block ends."""
    import matplotlib
    from matplotlib import figure

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
                **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "grid.color"), INK),
                **dict.fromkeys(("xtick.color", "ytick.color"), INK),
            }
        )
        yield figure.Figure((width, height), layout="constrained")


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
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    names = [shortened(name, limit=_NAME_LIMIT) for name in series] if len(series) > 1 else []
    columns = max(58 // (8 + max(map(len, names), default=0)), 1)
    with drawing(width=_WIDTH, height=2.7 + 0.2 * math.ceil(len(names) / columns)) as figure:
        axes = figure.add_subplot()
        styles = zip(series.items(), cycle(COLORS), (dash for dash in cycle(_DASHES) for _ in COLORS))
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
        _tick_whole(axes)
        axes.grid(alpha=0.15)
        axes.set_xlabel(_in_lines(x_label, limit=80))
        axes.set_ylabel(shortened(y_label, limit=80))
        if names:
            figure.legend(curves, names, loc="outside lower center", ncols=columns, frameon=False)
        return _svg(figure, axes, title)


def _tick_whole(axes: Axes) -> None:
    """Where all points have whole x, ticks are whole, too: no step is a fraction. Points of one x have one tick."""
    from matplotlib.ticker import MaxNLocator

    places = {float(x) for line in axes.lines for x in np.asarray(line.get_xdata(), float) if math.isfinite(x)}
    if len(places) == 1:
        axes.set_xticks([*places], [f"{next(iter(places)):g}"])
    elif all(place.is_integer() for place in places):
        axes.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))


def bar_plot(
    values: Mapping[str, Number | None],
    *,
    title: str,
    x_label: str,
    spec: str = ".3f",
    colors: Sequence[Color] | None = None,
) -> str:
    """Horizontal bars from zero with the numbers at their ends, the first on top.

    Args:
        values: One number by name; None and numbers that are not finite get a dash and no bar. Names are cut to 40
            characters.
        title: Above the plot; also its accessible name.
        x_label: Below the axis, with the unit.
        spec: Format of the numbers.
        colors: Colour of each bar; None gives all the same. Bars have an outline: a class may be white.

    Returns:
        One `<svg>` element; axes and letters take the text colour of the page.
    """
    lengths = [value if value is not None and math.isfinite(value) else None for value in values.values()]
    with drawing(width=_WIDTH, height=0.9 + 0.24 * len(values)) as figure:
        axes = figure.add_subplot()
        places = range(len(lengths))
        painted = (
            [COLORS[0]] * len(lengths) if colors is None else [tuple(part / 255 for part in color) for color in colors]
        )
        edge = {} if colors is None else {"edgecolor": INK, "linewidth": 0.5}
        axes.barh(places, [length or 0.0 for length in lengths], height=0.68, color=painted, **edge)
        for place, length in zip(places, lengths, strict=True):
            text = ABSENT if length is None else format(length, spec)
            axes.annotate(text, (max(length or 0.0, 0.0), place), (4, 0), textcoords="offset points", va="center")
        axes.set_yticks(places, [shortened(name, limit=_NAME_LIMIT) for name in values])
        axes.set_ylim(len(lengths) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.1)
        axes.set_xlabel(_in_lines(x_label, limit=80))
        return _svg(figure, axes, title)


def _svg(figure: Figure, axes: Axes, title: str) -> str:
    axes.set_title(_in_lines(title, limit=100))
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata=UNDATED)
    element = file.getvalue().partition("<svg")[2]
    # In the page's text colour. Only inside tags: what a user wrote stands between them, with < and > escaped.
    element = re.sub("<[^>]*>", lambda tag: tag[0].replace(INK, "currentColor"), element)
    return f'<svg role="img" aria-label="{escape(shortened(title, limit=100))}"{element}'


def _in_lines(text: str, *, limit: int) -> str:
    """Return text of at most `limit` letters, broken between words where it is wider than the drawing."""
    return "\n".join(textwrap.wrap(shortened(text, limit=limit), _LINE))
