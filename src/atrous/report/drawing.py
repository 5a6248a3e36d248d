"""How drawings look: the same colours and letters everywhere, whatever the user's matplotlibrc says.

The same numbers give the same file, byte by byte: ids come from a fixed salt and no date is written. Names are drawn
letter by letter (`$` starts no formula) and matplotlib escapes them for XML.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
from matplotlib.figure import Figure

Number = int | float

COLORS = ("#3579c4", "#dd7127", "#2f9e6e", "#c04f86", "#8567cf", "#a88a1e")
"""Of middling lightness: at least 3 : 1 in contrast to light and to dark paper."""

INK = "#010203"
"""Lines and letters: all but black."""

UNDATED = dict.fromkeys(("Creator", "Date", "Format", "Type"))
"""Metadata of an SVG that says nothing of when and by what it was drawn."""


@contextmanager
def drawing(*, width: Number, height: Number) -> Iterator[Figure]:
    """An empty figure of so many inches, under our settings alone until the block ends."""
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
        yield Figure((width, height), layout="constrained")
