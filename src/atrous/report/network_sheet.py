"""One sheet about a network: its units, what it sees, and what its atrous filters see."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Protocol, runtime_checkable

from atrous.report.field_plot import MeasuredField, TapCurves, draw_field, draw_taps
from atrous.report.plots import COLORS, INK, UNDATED, Axes, Number, SubFigure, drawing
from atrous.report.tables import ABSENT
from atrous.report.wording import shortened

SUFFIXES = (".svg", ".png")

UNITS_CAPTION = """\
A unit that strides (orange) makes its map smaller. Where the map is to stay as it is, the units after it spread
their taps instead, which is the atrous rate, and the receptive field grows as if the unit had stridden."""
NUMBERLESS_CAPTION = """
–: no single number, as for image pooling, which sees all of the image, and for maps from inside a unit."""
FIELD_CAPTION = """\
Which pixels move the logit in the middle, and how much: its gradient, as a mean over random images. Image pooling
is left out: through it every pixel counts."""
TAPS_CAPTION = """\
At a large rate the outer taps of a 3×3 filter fall beside the map, where there is only padding. In the end only the
middle one is left: a 1×1 filter."""

ROW_HEIGHT = 0.155
"""Height of a unit's row in inches."""

_LETTERS, _LABEL = 7, 8


@runtime_checkable
class DrawnUnit(Protocol):
    """The drawn properties of a unit, whole numbers: lengths in positions of its map or pixels of the image."""

    @property
    def name(self) -> str:
        """The part before a slash, or before the digits, joins units into a group."""
        ...

    @property
    def stride(self) -> int:
        """Stride of its spatial convolution."""
        ...

    @property
    def rate(self) -> int:
        """Atrous rate of the same."""
        ...

    @property
    def output_stride(self) -> int:
        """Image size / map size."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of its map in positions."""
        ...

    @property
    def receptive_field(self) -> int | None:
        """Side in pixels of what one position sees, where that is a number."""
        ...


@dataclass(frozen=True)
class NetworkSheet:
    """The content of the sheet; `title` and `subtitle` may hold what users wrote."""

    title: str
    subtitle: str
    units: Sequence[DrawnUnit]
    field: MeasuredField
    taps: TapCurves

    def save(self, path: Path) -> None:
        """As SVG or PNG, by the suffix, at 150 pixels per inch."""
        heights = (1.6 + ROW_HEIGHT * len(self.units), 3.9, 3.2)
        with drawing(width=8, height=0.4 + sum(heights)) as figure:
            figure.suptitle(shortened(self.title, limit=90), x=0.01, ha="left", fontsize=12)
            cells = figure.add_gridspec(3, 1, height_ratios=heights)
            units, field, taps = (figure.add_subfigure(cells[row, 0]) for row in range(3))
            captions = {units: self._units_caption(), field: FIELD_CAPTION, taps: TAPS_CAPTION}
            for part, caption in captions.items():
                part.suptitle(caption, x=0.01, ha="left", fontsize=8)
            draw_units(units, self.units, image=self.field.image)
            draw_field(field, self.field)
            draw_taps(taps, self.taps)
            metadata = UNDATED if path.suffix == ".svg" else {"Software": None}
            figure.savefig(path, format=path.suffix[1:], dpi=150, metadata=metadata)

    def _units_caption(self) -> str:
        numberless = any(unit.receptive_field is None for unit in self.units)
        facts = shortened(self.subtitle, limit=120)
        return f"{facts}\n{UNITS_CAPTION}{NUMBERLESS_CAPTION if numberless else ''}"


def draw_units(figure: SubFigure, units: Sequence[DrawnUnit], *, image: tuple[int, int]) -> None:
    """One row for each unit, the first on top; `image` is (height, width) in pixels."""
    maps, rates, fields = figure.subplots(1, 3, sharey=True, width_ratios=(5, 2.4, 3.6))
    _shade_groups((maps, rates, fields), units)
    _draw_maps(maps, units)
    _draw_rates(rates, units)
    _draw_fields(fields, units, image=image)
    maps.set_yticks(range(len(units)), [shortened(unit.name, limit=32) for unit in units], fontsize=_LETTERS)
    maps.set_ylim(len(units) - 0.4, -0.6)
    for axes in (maps, rates, fields):
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)


def _draw_maps(axes: Axes, units: Sequence[DrawnUnit]) -> None:
    """Bars from half a position, so that one position is a bar, too; they take the left half of the axes."""
    heights = [unit.size[0] for unit in units]
    colors = [COLORS[1] if unit.stride > 1 else COLORS[0] for unit in units]
    axes.barh(range(len(units)), [height - 0.5 for height in heights], left=0.5, height=0.68, color=colors)
    for row, unit in enumerate(units):
        _annotate(axes, unit.size[0], row, f"{unit.size[0]}×{unit.size[1]}")
        _tabulate(axes, 0.84, row, str(unit.stride), color=COLORS[1] if unit.stride > 1 else INK)
        _tabulate(axes, 1, row, str(unit.output_stride))
    _tabulate(axes, 0.84, -1, "stride")
    _tabulate(axes, 1, -1, "output\nstride")
    _binary_axis(axes, lowest=0.5, highest=max(heights), room=2)
    axes.set_title("Feature map")
    axes.set_xlabel("height in positions", loc="left", fontsize=_LABEL)


def _draw_rates(axes: Axes, units: Sequence[DrawnUnit]) -> None:
    rates = [unit.rate for unit in units]
    axes.hlines(range(len(units)), 1, rates, color=COLORS[2], linewidth=1)
    _draw_dots(axes, dict(enumerate(rates)), color=COLORS[2])
    for row, rate in enumerate(rates):
        _annotate(axes, rate, row, str(rate))
    _binary_axis(axes, lowest=1, highest=max(rates), room=1.4)
    axes.set_title("Atrous rate")
    axes.set_xlabel("distance of the taps", fontsize=_LABEL)


def _draw_fields(axes: Axes, units: Sequence[DrawnUnit], *, image: tuple[int, int]) -> None:
    fields = {row: unit.receptive_field for row, unit in enumerate(units) if unit.receptive_field is not None}
    for length in sorted(set(image)):
        axes.axvline(length, color=INK, linewidth=0.8, linestyle="dashed")
    _draw_dots(axes, fields, color=COLORS[4])
    for row in range(len(units)):
        _tabulate(axes, 1, row, str(fields.get(row, ABSENT)))
    _binary_axis(axes, lowest=min(*fields.values(), *image), highest=max(*fields.values(), *image), room=1.3)
    axes.set_title("Receptive field")
    axes.set_xlabel("side in pixels; dashed: the image", fontsize=_LABEL)


def _draw_dots(axes: Axes, values: Mapping[int, int], *, color: str) -> None:
    axes.plot(list(values.values()), list(values), linestyle="none", marker="o", markersize=3.5, color=color)


def _annotate(axes: Axes, x: Number, row: int, text: str) -> None:
    axes.annotate(text, (x, row), (4, 0), textcoords="offset points", va="center", fontsize=_LETTERS)


def _tabulate(axes: Axes, x: Number, row: int, text: str, *, color: str = INK) -> None:
    """Text that ends at `x`, a share of the width; row -1 is above the first."""
    place = "bottom" if row < 0 else "center"
    axes.text(x, row, text, transform=axes.get_yaxis_transform(), ha="right", va=place, fontsize=_LETTERS, color=color)


def _binary_axis(axes: Axes, *, lowest: Number, highest: Number, room: Number) -> None:
    """A logarithmic axis of `room` times the length from lowest to highest, with whole ticks as far as the latter."""
    from matplotlib.ticker import FuncFormatter, NullLocator

    octaves = max(math.log2(highest / lowest), 1)
    axes.set_xscale("log", base=2)
    axes.set_xlim(lowest * 2 ** (-0.03 * room * octaves), lowest * 2 ** (room * octaves))
    first = max(math.ceil(math.log2(lowest)), 0)
    last = max(math.floor(math.log2(highest)), first)
    axes.set_xticks([2**octave for octave in range(first, last + 1, 1 + (last - first) // 6)])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(axis="x", labelsize=_LETTERS)


def _shade_groups(columns: Sequence[Axes], units: Sequence[DrawnUnit]) -> None:
    """Every other group of units of a common name on a darker ground."""
    for number, (_, rows) in enumerate(groupby(range(len(units)), lambda row: _group(units[row].name))):
        first, *rest = rows
        if number % 2:
            for axes in columns:
                axes.axhspan(first - 0.5, (rest or [first])[-1] + 0.5, color=INK, alpha=0.05, linewidth=0)


def _group(name: str) -> str:
    return name.partition("/")[0] if "/" in name else name.rstrip("0123456789_")
