"""Files of a re-run table: `table.json`, Markdown, and an HTML page with a plot."""

import json
import math
from pathlib import Path

from atrous.files import atomic_path
from atrous.papers.results import ConclusionResult, RowResult, TableResult
from atrous.report.page import Page
from atrous.report.plots import bar_plot, line_plot
from atrous.report.tables import Cell, Table, shown

_ESTIMATES = ("ours", "95 % from", "to")


def write_pages(result: TableResult, out: Path) -> None:
    """Write `table.json`, `conclusions.json`, `table.md` and `table.html`.

    Raises:
        InputError: If a file cannot be written.
    """
    _write(out / "table.json", json.dumps(result.to_json(), indent=2) + "\n")
    conclusions = {"conclusions": [found.to_json() for found in result.conclusions]}
    _write(out / "conclusions.json", json.dumps(conclusions, indent=2, ensure_ascii=False) + "\n")
    _write(out / "table.md", markdown(result))
    _page(result).write(out / "table.html")


def row_table(result: TableResult) -> Table:
    """Table with the paper's columns, its figure, ours with interval, multiply-adds, parameters and seconds."""
    columns = (*result.table.columns, "paper", *_ESTIMATES, "multiply-adds, B", "padded", "printed", "parameters, M")
    rows = tuple(_row_cells(found) for found in result.rows)
    text = ("",) * len(result.table.columns)
    formats = (*text, ".2f", ".2f", ".2f", ".2f", ".2f", ".2f", ".2f", ".2f", ".0f", "")
    return Table((*columns, "seconds", "status"), rows=rows, formats=formats)


def conclusion_table(result: TableResult) -> Table:
    """Table of the paper's statements beside what was measured, in points of mIoU."""
    columns = ("statement of the paper", "paper", *_ESTIMATES, "verdict")
    rows = tuple(_conclusion_cells(found) for found in result.conclusions)
    return Table(columns, rows=rows, formats=("", "+.2f", "+.2f", "+.2f", "+.2f", ""))


def markdown(result: TableResult) -> str:
    """The table, the conclusions and the protocol as Markdown."""
    table = result.table
    parts = [f"# {table.name}: {table.title}", "", "mIoU in percent.", "", *_markdown_rows(row_table(result))]
    if table.conclusions:
        parts += ["", "## Statements of the paper", "", *_markdown_rows(conclusion_table(result))]
    protocol = json.dumps(result.protocol, indent=2)
    return "\n".join([*parts, "", "## Protocol", "", "```json", protocol, "```", ""])


def _page(result: TableResult) -> Page:
    table = result.table
    page = Page(f"{table.name}: {table.title}", f"varies: {table.varies}")
    page.heading("Table", "mIoU in percent; multiply-adds at the paper's image size.").table(row_table(result))
    page.svg(_plot(result))
    if table.conclusions:
        page.heading("Statements of the paper", "Differences in points of mIoU.").table(conclusion_table(result))
    facts = {name: json.dumps(value) for name, value in result.protocol.items() if name != "table"}
    return page.heading("Protocol").facts(facts)


def _plot(result: TableResult) -> str:
    """Curves over the table's x axis, of the paper and ours; bars of ours where the table has no such axis."""
    table = result.table
    if not table.x_label:
        values = {found.row.name: _value(found) for found in result.rows}
        return bar_plot(values, title=table.title, x_label="mIoU, %", spec=".1f")
    series: dict[str, list[tuple[float, float]]] = {}
    for found in result.rows:
        row, ours = found.row, _value(found)
        if row.x is None:
            continue
        for source, value in (("paper", row.paper), ("ours", ours)):
            name = ", ".join(filter(None, (row.curve, source)))
            series.setdefault(name, []).append((row.x, math.nan if value is None else value))
    drawn = {name: points for name, points in series.items() if any(not math.isnan(y) for _, y in points)}
    return line_plot(drawn, title=table.title, x_label=table.x_label, y_label="mIoU, %")


def _value(found: RowResult) -> float | None:
    return None if found.ours is None else found.ours.value


def _row_cells(found: RowResult) -> tuple[Cell, ...]:
    row, ours, counts = found.row, found.ours, found.counts
    low, high = (ours and ours.interval) or (None, None)
    return (
        *row.cells,
        row.paper,
        _value(found),
        low,
        high,
        counts.plain / 1e9,
        counts.padded / 1e9,
        row.printed,
        counts.parameters / 1e6,
        found.seconds,
        found.status,
    )


def _conclusion_cells(found: ConclusionResult) -> tuple[Cell, ...]:
    ours = found.ours
    low, high = (ours and ours.interval) or (None, None)
    return (found.conclusion.text, found.paper, ours and ours.value, low, high, found.verdict)


def _markdown_rows(table: Table) -> list[str]:
    formats = table.formats or ("",) * len(table.columns)
    lines = [table.columns, ("---",) * len(table.columns)]
    lines += [tuple(map(shown, row, formats)) for row in table.rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
