"""Draw mIoU against milliseconds, from the table "What a preset costs" of docs/results.md.

Run `python scripts/which_model_chart.py`; it writes docs/images/which_model.png.
"""

import re
from pathlib import Path

from matplotlib.figure import Figure

from atrous.report.plots import COLORS

DOCS = Path(__file__).resolve().parents[1] / "docs"
ROW = re.compile(r"^\| `(\w+)` \|.*\| (\d+) \| \d+ \| ([\d.]*) \| ([\d.]*)[^|]*\|$", re.MULTILINE)
"""A row: preset, milliseconds on one core, mIoU from few pictures as a share, published mIoU in percent."""


def main() -> None:
    """Write docs/images/which_model.png."""
    rows = ROW.findall((DOCS / "results.md").read_text())
    published = [(name, int(milliseconds), float(score)) for name, milliseconds, _, score in rows if score]
    measured = [(name, int(milliseconds), 100 * float(score)) for name, milliseconds, score, _ in rows if score]
    panels = (("Cityscapes val, published by others", published), ("CamVid val, finetune on 60 images", measured))
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    for axes, (title, points), color in zip(figure.subplots(1, 2, sharex=True), panels, COLORS, strict=False):
        axes.set(title=title, xlabel="ms per picture of 513x513, one core", ylabel="mIoU, %")
        axes.set(xscale="log", xlim=(25, 6000))
        axes.set_xticks([30, 100, 300, 1000, 3000], ["30", "100", "300", "1000", "3000"])
        axes.grid(alpha=0.3)
        middle = sum(score for *_, score in points) / len(points)
        axes.set_ylim(middle - 8, middle + 8)  # the same span in both: a distance is the same gain
        for name, milliseconds, score in points:
            axes.plot(milliseconds, score, "o", color=color)
            left = milliseconds > 1000  # where a name on the right would leave the panel
            at, side = ((-6, 5), "right") if left else ((5, 5), "left")
            axes.annotate(name, (milliseconds, score), at, textcoords="offset points", fontsize=8, ha=side)
    figure.savefig(DOCS / "images" / "which_model.png", dpi=110)


if __name__ == "__main__":
    main()
