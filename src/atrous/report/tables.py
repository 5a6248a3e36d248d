"""Tables: the same rows as aligned text for the terminal and as escaped markup for the page."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from atrous.report.wording import one_line

Cell = str | int | float | None

ABSENT = "–"
"""Shown for None: there is no such number."""

_LEFT, _RIGHT = "left", "right"


def shown(cell: Cell, spec: str = "") -> str:
    """A cell as text: `spec` formats numbers (an empty one gives four significant digits), None is an en dash."""
    if cell is None:
        return ABSENT
    if isinstance(cell, str):
        return one_line(cell)
    if isinstance(cell, float) and not math.isfinite(cell):
        return str(cell)
    return format(cell, spec or _own_format([cell]))


@dataclass(frozen=True)
class Table:
    """Rows under column heads.

    Attributes:
        columns: The heads.
        rows: Cells, as many per row as there are columns.
        caption: One line that says what the table shows; may be empty.
        formats: A format spec per column for its numbers (`.3f`, `.1%`, `,`), or empty for all. An empty spec groups
            the digits of integers by thousands and gives all floats of the column the same number of decimals: those
            with which the largest shows four significant digits.

    Raises:
        ValueError: If rows or formats and columns differ in number.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    formats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Reject rows that do not fit the heads."""
        for cells in (*self.rows, *([self.formats] if self.formats else [])):
            if len(cells) != len(self.columns):
                raise ValueError(f"{len(self.columns)} columns, but {len(cells)} cells in {cells}")

    def to_text(self) -> str:
        """Aligned lines: numbers to the right, text to the left, a rule under the heads, the caption above."""
        # Rich takes 50 ms to load: not for those who write no table.
        from rich.cells import cell_len
        from rich.console import Console
        from rich.table import Table as Grid
        from rich.text import Text

        lines = [self._heads(), *self._texts()]
        widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
        lines.insert(1, tuple("─" * width for width in widths))
        grid = Grid.grid(padding=(0, 2))
        for align in self._aligns():
            grid.add_column(justify=align, no_wrap=True)
        for line in lines:
            grid.add_row(*map(Text, line))
        console = Console(file=io.StringIO(), width=sum(widths) + 2 * len(widths), color_system=None)
        with console.capture() as captured:
            console.print(grid)
        text = "\n".join(line.rstrip() for line in captured.get().splitlines())
        return f"{one_line(self.caption)}\n{text}" if self.caption else text

    def to_html(self) -> Markup:
        """A `<table>` with everything escaped; cells of columns that hold only numbers have the class `number`."""
        classes = [Markup(' class="number"') if align == _RIGHT else "" for align in self._aligns()]

        def row(tag: str, texts: tuple[str, ...]) -> Markup:
            cell = Markup("<{0}{1}>{2}</{0}>")
            cells = [cell.format(tag, kind, text) for kind, text in zip(classes, texts, strict=True)]
            return Markup("<tr>{}</tr>").format(Markup("").join(cells))

        caption = Markup("<caption>{}</caption>").format(one_line(self.caption)) if self.caption else ""
        body = Markup("\n").join(row("td", texts) for texts in self._texts())
        layout = Markup("<table>{}\n<thead>{}</thead>\n<tbody>\n{}\n</tbody></table>")
        return layout.format(caption, row("th", self._heads()), body)

    def _heads(self) -> tuple[str, ...]:
        return tuple(map(one_line, self.columns))

    def _aligns(self) -> list[Literal["left", "right"]]:
        return [_LEFT if any(isinstance(cell, str) for cell in column) else _RIGHT for column in self._cells()]

    def _cells(self) -> list[tuple[Cell, ...]]:
        """The cells by column."""
        return [tuple(row[place] for row in self.rows) for place in range(len(self.columns))]

    def _texts(self) -> list[tuple[str, ...]]:
        formats = self.formats or ("",) * len(self.columns)
        specs = [spec or _own_format(column) for spec, column in zip(formats, self._cells(), strict=True)]
        return [tuple(map(shown, row, specs)) for row in self.rows]


def _own_format(cells: Sequence[Cell]) -> str:
    numbers = [cell for cell in cells if isinstance(cell, int | float) and math.isfinite(cell)]
    if not any(isinstance(number, float) for number in numbers):
        return ","
    largest = max(map(abs, numbers))
    if not 1e-3 <= largest < 1e15:
        return ".4g"
    return f",.{max(3 - math.floor(math.log10(largest)), 0)}f"
