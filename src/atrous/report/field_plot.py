"""Drawings of the effective receptive field of a logit, and of the taps of atrous filters that see the map."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from atrous.report.plots import COLORS, INK, Axes, SubFigure
from atrous.sizes import ceil_div

HELD = 0.95
"""Share of the gradient in the square that is drawn."""

_LARGEST_SIDE = 256
_HEAT = ("#ffffff", COLORS[0], "#0b1f3f")
_COLOR_OF: Mapping[int, str] = dict(zip((9, 6, 4, 3, 2, 1), COLORS, strict=True))


@dataclass(frozen=True)
class MeasuredField:
    """The gradient of one logit.

    Attributes:
        heat: Share of the gradient at each measured pixel.
        center: (row, column) of the logit among them.
        mass: Share (0..1) of the gradient in squares of side 1, 3, 5, ... pixels around it.
        side: Side in pixels of the smallest such square that holds `HELD` of the gradient.
        extent: Side in pixels of the square that it can see at all.
        image: (height, width) in pixels, of whose middle the measured part is cut.
        weights: The weights it was measured with, in words.
    """

    heat: Float[np.ndarray, "h w"]
    center: tuple[int, int]
    mass: Float[np.ndarray, " radii"]
    side: int
    extent: int
    image: tuple[int, int]
    weights: str


@dataclass(frozen=True)
class TapCurves:
    """Shares of valid taps on one map.

    Attributes:
        size: (height, width) of the map in positions.
        rates: Atrous rates, ascending: the x axis.
        shares: By number of valid taps, the share (0..1) of positions at each of the rates.
        marked: Rates of the network itself.
        marked_name: Name of the layers that have them.
    """

    size: tuple[int, int]
    rates: Sequence[int]
    shares: Mapping[int, Sequence[float]]
    marked: Sequence[int]
    marked_name: str


def draw_field(figure: SubFigure, field: MeasuredField) -> None:
    """Draw the heat map on the left, the share of the gradient in growing squares on the right."""
    heat, growth = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_heat(figure, heat, field)
    _draw_growth(growth, field)
    figure.legend(*growth.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)


def draw_taps(figure: SubFigure, curves: TapCurves) -> None:
    """Draw, for every number of taps that occurs, the share of positions by rate (DeepLabv3, Figure 4)."""
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes = figure.subplots()
    for taps, shares in curves.shares.items():
        if any(shares):
            axes.plot(curves.rates, shares, color=_COLOR_OF[taps], label=f"{taps} of 9")
    for rate in curves.marked:
        axes.axvline(rate, color=INK, linewidth=0.8, linestyle="dashed")
        axes.annotate(str(rate), (rate, 1), (0, 2), textcoords="offset points", ha="center")
    height, width = curves.size
    marked = f"; dashed: {curves.marked_name}" if curves.marked else ""
    axes.set_title(f"Filter taps that see the map of {height}×{width} rather than its padding", pad=16)
    axes.set_xlabel(f"atrous rate of a 3×3 filter{marked}")
    axes.set_ylabel("share of positions")
    axes.set_ylim(0, 1)
    axes.set_xlim(0, curves.rates[-1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.15)
    axes.legend(title="valid taps", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _draw_heat(figure: SubFigure, axes: Axes, field: MeasuredField) -> None:
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    cell = ceil_div(max(field.heat.shape), _LARGEST_SIDE)
    cells = _averaged(field.heat, cell=cell)
    top, left = (-middle - 0.5 for middle in field.center)
    drawn = axes.imshow(
        cells / cells.max(),
        extent=(left, left + cells.shape[1] * cell, top + cells.shape[0] * cell, top),
        cmap=LinearSegmentedColormap.from_list("heat", _HEAT),
        norm=PowerNorm(0.5, 0, 1),
        interpolation="nearest",
    )
    _frame(axes, field, top=top, left=left)
    axes.set_title(f"Effective receptive field, {field.weights}")
    bar = figure.colorbar(drawn, ax=axes, label="gradient, share of the largest", shrink=0.8)
    bar.set_ticks([0, 0.01, 0.05, 0.2, 0.5, 1])
    bar.minorticks_off()


def _frame(axes: Axes, field: MeasuredField, *, top: float, left: float) -> None:
    """The two squares, and the whole image around its measured part, which begins at `top` and `left`."""
    from matplotlib.patches import Rectangle

    for side, style in ((field.side, "solid"), (field.extent, "dashed")):
        corner = (-side / 2, -side / 2)
        axes.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=COLORS[1], linestyle=style, linewidth=1.2))
    (height, width), (measured_height, measured_width) = field.image, field.heat.shape
    top, left = top - (height - measured_height) / 2, left - (width - measured_width) / 2
    axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=INK, linewidth=1.6))
    axes.set_xlim(left, left + width)
    axes.set_ylim(top + height, top)
    part = "" if field.heat.shape == field.image else f"; measured: {measured_height}×{measured_width}"
    axes.set_xlabel(f"pixels from the logit{part}")


def _draw_growth(axes: Axes, field: MeasuredField) -> None:
    from matplotlib.ticker import PercentFormatter

    sides = 2 * np.arange(len(field.mass)) + 1
    axes.plot(sides, field.mass, color=COLORS[0])
    for side, style, text in (
        (field.side, "solid", f"square with {HELD:.0%} of the measured gradient: {field.side} pixels"),
        (field.extent, "dashed", f"all that the logit can see: {field.extent} pixels"),
    ):
        axes.axvline(side, color=COLORS[1], linestyle=style, linewidth=1.2, label=text)
    axes.set_xlim(0, sides[-1] * 1.1)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.15)
    axes.set_title("Share of the measured gradient")
    axes.set_xlabel("side of the square in pixels")


def _averaged(heat: Float[np.ndarray, "h w"], *, cell: int) -> Float[np.ndarray, "r c"]:
    """Means over squares of so many pixels; those at the right and lower border count what is missing as 0."""
    height, width = heat.shape
    padded = np.pad(heat, ((0, -height % cell), (0, -width % cell)))
    return padded.reshape(padded.shape[0] // cell, cell, padded.shape[1] // cell, cell).mean(axis=(1, 3))
