"""One sheet about a network: its units, what it sees, and what its atrous filters see."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from atrous.report.drawing import UNDATED, drawing
from atrous.report.field_plot import MeasuredField, draw_field
from atrous.report.tap_plot import TapCurves, draw_taps
from atrous.report.unit_plot import ROW_HEIGHT, DrawnUnit, draw_units
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


@dataclass(frozen=True)
class NetworkSheet:
    """What is drawn; `title` and `subtitle` may hold what users wrote."""

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
