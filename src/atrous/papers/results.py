"""Results of a table: read from the files of its rows, so that a table that was stopped goes on where it was."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from atrous.analysis.multiply_adds import Counts
from atrous.data.formats.json_files import read_object
from atrous.errors import InputError
from atrous.evaluation.saved import read_report
from atrous.files import atomic_path
from atrous.papers.intervals import Estimate, Overlaps, mean_miou, miou_difference
from atrous.papers.table import Conclusion, PaperTable, Row
from atrous.papers.trimap import read_band_overlaps

_REMEDY = "delete it, so that the row is evaluated again"


class RowFiles:
    """The files of one row: a report of each seed, and the time that it took.

    Args:
        out: Folder of the table.
        number: Place of the row in the table, from 1.
        row: The row.
    """

    def __init__(self, out: Path, *, number: int, row: Row) -> None:
        words = re.sub(r"[^a-z0-9]+", "-", row.name.lower()).strip("-")
        self.folder = out / "rows" / f"{number:02d}-{words}"
        self.lock = self.folder / ".lock"
        self._row = row

    def report(self, seed: int) -> Path:
        """Report of the evaluation of a seed, as `atrous evaluate --json` writes it."""
        return self.folder / f"seed{seed}.json"

    def bands(self, seed: int) -> Path:
        """Counts of a seed inside the bands of the trimap curve."""
        return self.folder / f"seed{seed}-bands.json"

    def seconds(self, seed: int) -> Path:
        """Time that training and evaluation of a seed took; the last file of a seed to be written."""
        return self.folder / f"seed{seed}-seconds.json"

    def divergence(self, seed: int) -> Path:
        """The message of a training of a seed that diverged; there while it has not been trained to its end."""
        return self.folder / f"seed{seed}-diverged.txt"

    def is_done(self, seed: int) -> bool:
        """Return True if a seed has been trained and evaluated."""
        return self.seconds(seed).exists()

    def write_seconds(self, seed: int, *, training: float, evaluation: float) -> None:
        """Write the time of a seed in seconds, which marks it as done."""
        self.divergence(seed).unlink(missing_ok=True)
        content = {"training": round(training, 1), "evaluation": round(evaluation, 1)}
        with atomic_path(self.seconds(seed)) as temporary:
            temporary.write_text(json.dumps(content) + "\n", encoding="utf-8")

    def write_divergence(self, seed: int, message: str) -> None:
        """Write that a training diverged, and how."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.divergence(seed)) as temporary:
            temporary.write_text(message + "\n", encoding="utf-8")

    def read_seconds(self, seed: int) -> float:
        """Time that a seed took, in seconds; raises InputError if its file is damaged."""
        path = self.seconds(seed)
        content = read_object(path, remedy=_REMEDY)
        training, evaluation = content.get("training"), content.get("evaluation")
        if not isinstance(training, int | float) or not isinstance(evaluation, int | float):
            raise InputError(f"{path} holds no seconds; {_REMEDY}")
        return training + evaluation

    def overlaps(self, seed: int) -> Overlaps:
        """Pixels counted for a seed, by independent part of the data; raises InputError if a file is damaged."""
        report = read_report(self.report(seed))
        if self._row.trimap is None:
            return report.overlaps
        return read_band_overlaps(self.bands(seed), width=self._row.trimap, classes=len(report.iou))


@dataclass(frozen=True)
class RowResult:
    """A row with what was measured.

    Attributes:
        row: The row.
        counts: Multiply-adds and parameters at the paper's size.
        seeds: Overlaps of each seed that is done.
        seconds: Time that training and evaluation of these seeds took; None if none is done.
        note: Reason why the row is not run, or `diverged`; empty if it can be.
    """

    row: Row
    counts: Counts
    seeds: tuple[Overlaps, ...] = ()
    seconds: float | None = None
    note: str = ""

    @cached_property
    def ours(self) -> Estimate | None:
        """The mIoU of the row in percent; None if it was not run."""
        return mean_miou(self.seeds) if self.seeds else None

    @property
    def status(self) -> str:
        """`done`, `not run`, or the reason why it cannot be."""
        return self.note or ("done" if self.seeds else "not run")

    def to_json(self) -> dict[str, Any]:
        """Return the row of `table.json`; mIoU in percent, padded multiply-adds, seconds."""
        ours = self.ours
        return {
            "name": self.row.name,
            "paper": self.row.paper,
            "ours": None if ours is None else round(ours.value, 3),
            "interval": None if ours is None or ours.interval is None else [round(end, 3) for end in ours.interval],
            "multiply_adds": self.counts.padded,
            "parameters": self.counts.parameters,
            "seconds": None if self.seconds is None else round(self.seconds, 1),
        }


@dataclass(frozen=True)
class ConclusionResult:
    """A statement of the paper beside what was measured.

    Attributes:
        conclusion: The statement.
        paper: Difference that the paper prints, in points of mIoU; None if it prints none.
        ours: The measured difference; None unless both rows were run.
    """

    conclusion: Conclusion
    paper: float | None
    ours: Estimate | None

    @property
    def verdict(self) -> str:
        """`shown` or `the other way` where the interval excludes 0, else `not decided`."""
        if self.ours is None:
            return "not run"
        if self.ours.interval is None:
            return "no interval"
        low, high = self.ours.interval
        if low > 0:
            return "shown"
        return "the other way" if high < 0 else "not decided"

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `conclusions.json`; differences in points of mIoU."""
        ours = self.ours
        return {
            "statement": self.conclusion.text,
            "better": self.conclusion.better,
            "worse": self.conclusion.worse,
            "paper": self.paper,
            "ours": None if ours is None else round(ours.value, 3),
            "interval": None if ours is None or ours.interval is None else [round(end, 3) for end in ours.interval],
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class TableResult:
    """All rows of a table, run or not, and its protocol.

    Attributes:
        table: The table.
        rows: A result for every row, in the table's order.
        protocol: Settings and data, as plain JSON values.
    """

    table: PaperTable
    rows: tuple[RowResult, ...]
    protocol: dict[str, Any]

    @property
    def conclusions(self) -> Sequence[ConclusionResult]:
        """The paper's statements beside what was measured."""
        return [self._compared(conclusion) for conclusion in self.table.conclusions]

    def _compared(self, conclusion: Conclusion) -> ConclusionResult:
        named = {result.row.name: result for result in self.rows}
        better, worse = named[conclusion.better], named[conclusion.worse]
        printed = conclusion.paper
        if printed is None and better.row.paper is not None and worse.row.paper is not None:
            printed = round(better.row.paper - worse.row.paper, 2)
        both = better.seeds and worse.seeds
        return ConclusionResult(conclusion, printed, miou_difference(better.seeds, worse.seeds) if both else None)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `table.json`."""
        return {"rows": [result.to_json() for result in self.rows]}
