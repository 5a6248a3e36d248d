"""How many taps of an atrous 3x3 filter see the map, at every rate (DeepLabv3, Figure 4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from atrous.report.drawing import COLORS, INK

_COLOR_OF: Mapping[int, str] = dict(zip((9, 6, 4, 3, 2, 1), COLORS, strict=True))


@dataclass(frozen=True)
class TapCurves:
    """Shares of valid taps on one map.

    Attributes:
        size: (height, width) of the map in positions.
        rates: Atrous rates, ascending: the x axis.
        shares: By number of valid taps, the share (0..1) of positions at each of the rates.
        marked: Rates of the network itself.
        marked_name: What they are the rates of.
    """

    size: tuple[int, int]
    rates: Sequence[int]
    shares: Mapping[int, Sequence[float]]
    marked: Sequence[int]
    marked_name: str


def draw_taps(figure: SubFigure, curves: TapCurves) -> None:
    """A curve for every number of taps that occurs."""
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
