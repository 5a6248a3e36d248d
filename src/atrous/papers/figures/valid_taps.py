"""Share of valid filter taps against the atrous rate (DeepLabv3, Figure 4)."""

from pathlib import Path

from atrous.analysis.valid_taps import valid_shares
from atrous.papers.figures.drawing import save_figure
from atrous.report.plots import COLORS, drawing

SIDE = 65
"""Side of the paper's feature map."""

CROPS = (209, 321, 513)
"""Sides of crops in pixels whose feature maps at output stride 16 are compared."""


def draw_valid_taps(out: Path) -> Path:
    """Draw the shares of positions with 9, 4 and 1 valid taps, and the mean share by crop; returns the file."""
    rates = range(1, 101)
    with drawing(width=9, height=3.6) as figure:
        left, right = figure.subplots(1, 2)
        for taps, color in zip((9, 4, 1), COLORS, strict=False):
            shares = [valid_shares((SIDE, SIDE), rate=rate)[taps] for rate in rates]
            left.plot(rates, shares, color=color, label=f"{taps} valid")
        left.set_title(f"3x3 filter on a map of {SIDE} x {SIDE} (Figure 4)")
        left.set_xlabel("atrous rate")
        left.set_ylabel("share of positions")
        for crop, color in zip(CROPS, COLORS, strict=False):
            side = (crop - 1) // 16 + 1
            share = [sum(taps * part for taps, part in valid_shares((side, side), rate=r).items()) / 9 for r in rates]
            right.plot(rates, share, color=color, label=f"crop {crop}: map {side} x {side}")
        for rate in (6, 12, 18):
            right.axvline(rate, color="grey", linewidth=0.7, linestyle="dotted")
        right.set_xlim(0, 60)
        right.set_title("mean share of valid taps, output stride 16")
        right.set_xlabel("atrous rate (dotted: ASPP's 6, 12, 18)")
        for axes in (left, right):
            axes.set_ylim(0, 1.02)
            axes.grid(alpha=0.15)
            axes.legend(frameon=False)
        return save_figure(figure, out / "valid_taps.png")
