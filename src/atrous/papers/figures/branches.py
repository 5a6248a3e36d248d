"""The taps of ASPP's branches over a picture (DeepLabv3, Figure 5)."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.patches import Rectangle

from atrous.papers.figures.drawing import save_figure
from atrous.report.plots import COLORS, drawing

OUTPUT_STRIDE = 16
BRANCHES = {"1x1": (), "3x3, rate 6": (6,), "3x3, rate 12": (12,), "3x3, rate 18": (18,)}


def tap_positions(centre: tuple[int, int], rates: tuple[int, ...]) -> list[tuple[int, int]]:
    """Pixels (x, y) above which the taps of a branch lie; the centre alone for a 1x1 convolution."""
    x, y = centre
    offsets = [0] if not rates else [rate * OUTPUT_STRIDE * sign for rate in rates for sign in (-1, 0, 1)]
    return [(x + right, y + down) for down in offsets for right in offsets]


def draw_branches(out: Path, *, picture: UInt8[np.ndarray, "h w 3"], centre: tuple[int, int]) -> Path:
    """Draw the taps of every branch for one position of the feature map over a picture; returns the file.

    Args:
        out: Folder of the figure.
        picture: The picture.
        centre: (x, y) in pixels of the position.
    """
    height, width = picture.shape[:2]
    with drawing(width=9, height=6.2 * height / width) as figure:
        cells = figure.subplots(2, 3).ravel()
        for axes, (name, rates) in zip(cells, BRANCHES.items(), strict=False):
            axes.imshow(picture, extent=(0, width, height, 0))
            taps = tap_positions(centre, rates)
            inside = sum(0 <= x < width and 0 <= y < height for x, y in taps)
            for x, y in taps:
                seen = 0 <= x < width and 0 <= y < height
                corner = (x - OUTPUT_STRIDE / 2, y - OUTPUT_STRIDE / 2)
                face = COLORS[1] if seen else "none"
                axes.add_patch(
                    Rectangle(corner, OUTPUT_STRIDE, OUTPUT_STRIDE, facecolor=face, edgecolor=COLORS[1], clip_on=False)
                )
            axes.set_title(f"{name}: {inside} of {len(taps)} taps")
        pooled = cells[len(BRANCHES)]
        pooled.imshow(picture, extent=(0, width, height, 0))
        pooled.add_patch(Rectangle((0, 0), width, height, facecolor=COLORS[1], alpha=0.35))
        pooled.set_title("image pooling: all of it")
        margin = 18 * OUTPUT_STRIDE + OUTPUT_STRIDE
        for axes in cells:
            axes.set_xlim(min(0, centre[0] - margin), max(width, centre[0] + margin))
            axes.set_ylim(max(height, centre[1] + margin), min(0, centre[1] - margin))
            axes.set_aspect("equal")
            axes.axis("off")
        return save_figure(figure, out / "branches.png")
