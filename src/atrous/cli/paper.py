"""`atrous paper TABLE --data DATA --out OUT`: lists the tables of both papers, shows one, or re-runs it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tyro

from atrous.cli.console import fraction_callback
from atrous.cli.options import parse
from atrous.demo.scenes import SCENE_LABELS, draw_scene
from atrous.errors import InputError
from atrous.inference.device import choose_device
from atrous.papers.catalogue import TABLES, find_table
from atrous.papers.counts import row_counts
from atrous.papers.pages import conclusion_table, row_table
from atrous.papers.rerun import open_experiment
from atrous.papers.scale import Scale
from atrous.papers.server import ServerTable, open_server_run
from atrous.papers.table import OmittedTable, PaperTable
from atrous.report.tables import Table

FIGURES = "figures"
"""Word in the place of a table's name that draws the figures."""

SHOWN_SCENE = 3
"""Seed of the generated scene that the figures show."""


@dataclass(frozen=True)
class Options:
    """List the tables of DeepLabv3 and DeepLabv3+, show one of them, or re-run it on a data set.

    Without TABLE all tables are listed, without --data the rows of one. A table that was stopped goes on with the same
    command where it was; the same command started twice shares the rows. OUT holds table.json, conclusions.json,
    table.md, table.html, protocol.json, a folder of reports for each row, and the run folders of the trainings.

    The settings below apply to all rows alike and are written into the protocol; by default they are the papers'.

    `atrous paper figures --out FOLDER` draws the figures that explain the papers.

    Example: atrous paper v3-table3 --data camvid --out runs/multi-grid --width 0.25 --iterations 400 --crop 257
    """

    table: tyro.conf.Positional[str] = ""
    """Name of the table, as v3-table3, or figures; without it all are listed."""
    data: Path | None = None
    """Folder of images/ and masks/, or a published data set."""
    out: Path | None = None
    """Folder of the results; by default runs/ and the name of the table."""
    runs: Path | None = None
    """Folder of the trainings, which tables of equal settings may share; by default `runs` in OUT."""
    rows: tuple[int, ...] = ()
    """Numbers of the rows to run, as the table lists them; by default all."""
    split: str | None = None
    """Split to train on; by default trainaug of PASCAL VOC, else train."""
    val_split: str = "val"
    """Split to evaluate on."""
    schema: Path | None = None
    """schema.toml, where it is not in the data folder."""
    device: str = "auto"
    """Device to compute on: auto, cpu, cuda, cuda:1, mps."""
    workers: int = 1
    """Number of processes that load data."""
    scale: Scale = field(default_factory=Scale)


def main(arguments: Sequence[str]) -> int:
    """List, show or re-run; returns the exit status, 1 if a training diverged."""
    options = parse(Options, arguments, verb="paper")
    if not options.table:
        if options.data is not None:
            raise InputError("name a table to run, as `atrous paper v3-table3 --data DATA`; `atrous paper` lists them")
        print(_catalogue().to_text())
        return 0
    if options.table == FIGURES:
        _draw_figures(options.out or Path("runs") / FIGURES)
        return 0
    table = find_table(options.table)
    if isinstance(table, OmittedTable):
        if options.data is not None:
            raise InputError(f"{table.name} is not re-run: {table.reason}")
        print(_omitted(table).to_text())
        return 0
    if isinstance(table, ServerTable):
        if options.data is None:
            print(_server(table).to_text())
            return 0
        return _write_submission(table, options.data, options)
    if options.data is None:
        print(_rows(table, options.scale).to_text())
        return 0
    return _rerun(table, options.data, options)


def _draw_figures(out: Path) -> None:
    """Draw every figure, those with pictures of generated scenes."""
    # Only now: these import matplotlib.
    from atrous.papers.figures.boundaries import draw_boundaries
    from atrous.papers.figures.branches import draw_branches
    from atrous.papers.figures.fields import draw_fields
    from atrous.papers.figures.rates import draw_rates
    from atrous.papers.figures.valid_taps import draw_valid_taps

    scenes = [draw_scene((321, 513), np.random.default_rng(seed)) for seed in range(8)]
    picture, labels = scenes[SHOWN_SCENE]
    masks = [labels, *(other for _, other in scenes if other is not labels)]
    files = [
        draw_rates(out),
        draw_valid_taps(out),
        draw_branches(out, picture=draw_scene((513, 513), np.random.default_rng(0))[0], centre=(192, 192)),
        draw_fields(out),
        draw_boundaries(out, picture=picture, masks=masks, palette=SCENE_LABELS.palette),
    ]
    for file in files:
        print(f"wrote  {file}")


def _rerun(table: PaperTable, data: Path, options: Options) -> int:
    out = options.out or Path("runs") / table.name
    experiment = open_experiment(
        table,
        data,
        scale=options.scale,
        out=out,
        runs=options.runs,
        split=options.split,
        val_split=options.val_split,
        schema=options.schema,
        chosen=options.rows,
        device=choose_device(options.device),
        workers=options.workers,
    )
    diverged = list[str]()
    with fraction_callback() as on_progress:
        result = experiment.run(
            on_progress=on_progress, on_divergence=lambda row, message: diverged.append(f"{row}: {message}")
        )
    for line in diverged:
        print(f"atrous paper: {line}", file=sys.stderr)
    print(row_table(result).to_text())
    if table.conclusions:
        print()
        print(conclusion_table(result).to_text())
    print()
    for name in ("table.json", "table.md", "table.html"):
        print(f"wrote  {out / name}")
    return 1 if diverged else 0


def _write_submission(table: ServerTable, data: Path, options: Options) -> int:
    out = options.out or Path("runs") / table.name
    prepared = open_server_run(
        table,
        data,
        scale=options.scale,
        out=out,
        split=options.split,
        device=choose_device(options.device),
        workers=options.workers,
    )
    with fraction_callback() as on_progress:
        archive = prepared.run(on_progress=on_progress)
    print(f"wrote  {archive}, for the server of PASCAL VOC; {table.row} has {table.paper} in the paper")
    return 0


def _catalogue() -> Table:
    """Table of all tables: content, factors, range of the paper's figures, status."""
    rows = [(table.name, table.title, table.varies, _figures(table), _status(table)) for table in TABLES]
    return Table(("table", "content", "varies", "paper, mIoU %", "status"), rows=tuple(rows))


def _status(table: PaperTable | ServerTable | OmittedTable) -> str:
    match table:
        case PaperTable():
            return f"re-run, {len(table.rows)} rows"
        case ServerTable():
            return "trained; writes the files for the test server"
        case OmittedTable():
            return f"not applicable: {table.reason}"


def _figures(table: PaperTable | ServerTable | OmittedTable) -> str:
    """Range of the figures that the paper prints."""
    match table:
        case PaperTable():
            figures = [row.paper for row in table.rows if row.paper is not None]
        case ServerTable():
            figures = [table.paper, *(figure for _, figure in table.others)]
        case OmittedTable():
            figures = [figure for _, figure in table.figures]
    return f"{min(figures):.2f} to {max(figures):.2f}" if figures else "a curve"


def _omitted(table: OmittedTable) -> Table:
    caption = f"{table.name}: {table.title}; not applicable: {table.reason}"
    return Table((table.varies, "paper"), rows=table.figures, formats=("", ".2f"), caption=caption)


def _server(table: ServerTable) -> Table:
    rows = (*table.others, (f"{table.row} (trained by this command)", table.paper))
    return Table(("method", "paper, mIoU %"), rows=rows, formats=("", ".1f"), caption=f"{table.name}: {table.title}")


def _rows(table: PaperTable, scale: Scale) -> Table:
    """Table of the rows with their numbers, the paper's figures and the cost at a scale."""
    rows = []
    for number, row in enumerate(table.rows, start=1):
        model = scale.network(row.training.model)
        counts = row_counts(model, row.inference, size=table.size, classes=table.classes)
        cost = (counts.plain / 1e9, counts.padded / 1e9, row.printed, counts.parameters / 1e6)
        rows.append((number, *row.cells, row.paper, *cost))
    columns = ("row", *table.columns, "paper, mIoU %", "multiply-adds, B", "padded", "printed", "parameters, M")
    formats = ("", *[""] * len(table.columns), ".2f", ".2f", ".2f", ".2f", ".2f")
    return Table(columns, rows=tuple(rows), formats=formats, caption=f"{table.name}: {table.title}")
