"""A network unit by unit: the size of its maps, the rates that keep them large, and how far it sees."""

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Protocol, runtime_checkable

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import FuncFormatter, NullLocator

from atrous.report.drawing import COLORS, INK, Number
from atrous.report.tables import ABSENT
from atrous.report.wording import shortened

ROW_HEIGHT = 0.155
"""Inches."""

_LETTERS, _LABEL = 7, 8


@runtime_checkable
class DrawnUnit(Protocol):
    """What is drawn of a unit: all of it whole numbers, lengths in positions of its map or pixels of the image."""

    @property
    def name(self) -> str:
        """The part before a slash, or before the digits, joins units into a group."""
        ...

    @property
    def stride(self) -> int:
        """Of its spatial convolution."""
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
