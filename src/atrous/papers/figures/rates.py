"""Atrous rates drawn on a grid, and the rates of every block at each output stride (DeepLabv3, sections 3.1, 3.2)."""

import re
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

from atrous.model.build import build_backbone
from atrous.papers.figures.drawing import save_figure
from atrous.papers.networks import cascade, cascade_backbone
from atrous.report.plots import COLORS, INK, drawing

RATES = (1, 2, 4)
STRIDES = (8, 16, 32, 64, 128, 256)
_SIDE = 11


def block_rates(output_stride: int) -> dict[str, int]:
    """Atrous rate of the last unit's 3x3 convolution in block1 to block7 of a ResNet-50 at an output stride."""
    model = cascade(cascade_backbone(50, last_block=7), output_stride=output_stride)
    planned = build_backbone(model).planned
    return {re.sub("/.*", "", unit.name): unit.rate for unit in planned}


def draw_rates(out: Path) -> Path:
    """Draw the nine taps of a 3x3 filter at rates 1, 2 and 4, and a table of the blocks' rates; returns the file."""
    with drawing(width=9, height=6.2) as figure:
        grids, table = figure.subfigures(2, 1, height_ratios=(1.1, 1), squeeze=False).ravel()
        for number, rate in enumerate(RATES, start=1):
            _draw_taps(grids.add_subplot(1, len(RATES), number), rate)
        _draw_table(table.add_subplot())
        return save_figure(figure, out / "rates.png")


def _draw_taps(axes: Axes, rate: int) -> None:
    centre = _SIDE // 2
    taps = [(centre + rate * column, centre + rate * row) for row in (-1, 0, 1) for column in (-1, 0, 1)]
    span = 2 * rate + 1
    axes.add_patch(_square(centre - rate, centre - rate, span, alpha=0.12))
    for column, row in taps:
        axes.add_patch(_square(column, row, 1, alpha=0.95))
    axes.set_xlim(0, _SIDE)
    axes.set_ylim(_SIDE, 0)
    axes.set_aspect("equal")
    axes.set_xticks(range(_SIDE + 1), [])
    axes.set_yticks(range(_SIDE + 1), [])
    axes.tick_params(length=0)
    axes.grid(color=INK, alpha=0.25, linewidth=0.6)
    axes.set_title(f"rate {rate}: nine taps over {span} x {span}")


def _square(left: int, top: int, side: int, *, alpha: float) -> Rectangle:
    return Rectangle((left, top), side, side, color=COLORS[0], alpha=alpha, linewidth=0)


def _draw_table(axes: Axes) -> None:
    plans = {stride: block_rates(stride) for stride in STRIDES}
    blocks = [*plans[STRIDES[0]]]
    axes.axis("off")
    axes.set_title("rate of each block of a ResNet in cascade, by output stride")
    drawn = axes.table(
        cellText=[[str(plans[stride][block]) for block in blocks] for stride in STRIDES],
        rowLabels=[f"stride {stride} " for stride in STRIDES],
        colLabels=blocks,
        cellLoc="center",
        loc="center",
        bbox=Bbox.from_bounds(0.1, 0, 0.88, 1),
    )
    for (row, column), cell in drawn.get_celld().items():
        cell.set_edgecolor(INK)
        cell.set_linewidth(0.4)
        if row > 0 and column >= 0:
            rate = plans[STRIDES[row - 1]][blocks[column]]
            cell.set_facecolor((0.21, 0.47, 0.77, min(0.12 * (rate.bit_length() - 1), 0.7)))
