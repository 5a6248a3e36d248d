"""Re-running a table: every row is trained and evaluated by itself, and is skipped where it is done."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from atrous.data.dataset import DataSet, open_splits
from atrous.data.published.voc import is_voc
from atrous.data.selection import Selection
from atrous.errors import DivergedError, InputError
from atrous.evaluation.evaluate import require_several_classes
from atrous.papers.counts import row_counts
from atrous.papers.evaluations import Evaluation
from atrous.papers.pages import write_pages
from atrous.papers.protocol import claim_folder, plain_protocol
from atrous.papers.results import RowFiles, RowResult, TableResult
from atrous.papers.scale import Scale
from atrous.papers.table import PaperTable, Row
from atrous.papers.trainings import claimed, is_trained, run_folder, seconds_of, train_once
from atrous.training.config import TrainConfig
from atrous.version import __version__

_TRAINED_CROP = 3
"""Cost of a crop in training, in forward passes: the backward pass costs two."""

OnProgress = Callable[[str, int, int], None]
"""Called with (row and what is being done, work done, all work); a unit of work is the forward pass of a picture."""


OnDivergence = Callable[[str, str], None]
"""Called with (row, message)."""


@dataclass(frozen=True)
class PlannedRow:
    """A row as it runs at a scale.

    Attributes:
        row: The row.
        files: Its files.
        config: Settings of its training, with seed 0; None if the row cannot be run.
        note: Reason why it cannot be run; else empty.
    """

    row: Row
    files: RowFiles
    config: TrainConfig | None
    note: str = ""


@dataclass(frozen=True)
class Experiment:
    """A table, the scale and data it is re-run at, and the folders of its results.

    Attributes:
        table: The table.
        scale: Settings that shrink all rows alike.
        train: Training data.
        validation: Data that the rows are evaluated on.
        out: Folder of the results.
        runs: Folder of the trainings, which tables may share.
        device: Device to compute on.
        chosen: Numbers of the rows to run, from 1; empty is all.
        workers: Number of processes that load data.
    """

    table: PaperTable
    scale: Scale
    train: DataSet
    validation: DataSet
    out: Path
    runs: Path
    device: torch.device
    chosen: tuple[int, ...] = ()
    workers: int = 0

    def planned(self) -> list[PlannedRow]:
        """Plan every row; those that need missing weights, or that equal an earlier row at this scale, cannot run."""
        channels = self.train[0].image.shape[2]
        rows, seen = list[PlannedRow](), dict[Any, str]()
        for number, row in enumerate(self.table.rows, start=1):
            files = RowFiles(self.out, number=number, row=row)
            if missing := self._missing(row):
                rows.append(PlannedRow(row, files, None, missing))
                continue
            config = self.scale.train_config(
                row.training, own_recipe=self.table.recipe, classes=len(self.train.labels), in_channels=channels
            )
            config = replace(config, workers=self.workers)
            twin = seen.setdefault((config, row.inference, row.trimap), row.name)
            note = "" if twin == row.name else f"the same as {twin} at this scale"
            rows.append(PlannedRow(row, files, None if note else config, note))
        return rows

    def _missing(self, row: Row) -> str:
        if row.training.start == "JFT":
            return "JFT-300M is not public"
        if row.training.start == "COCO" and self.scale.coco_weights is None:
            return "needs --coco-weights"
        return ""

    def protocol(self) -> dict[str, Any]:
        """Return everything that decides the numbers, and the chosen rows, as plain JSON values."""
        base = next((planned.config for planned in self.planned() if planned.config), None)
        about: dict[str, Any] = {
            "table": self.table.name,
            "scale": self.scale,
            "training": None if base is None else replace(base, workers=0),
            "data": {"train": self.train.describe(), "validation": self.validation.describe()},
            "image size": "native",
            "rows": list(self.chosen) or "all",
            "software": f"atrous {__version__}, torch {torch.__version__}",
        }
        return plain_protocol(about)

    def result(self) -> TableResult:
        """Read what is done so far; raises InputError if a file is damaged."""
        return TableResult(self.table, tuple(map(self._read, self.planned())), self.protocol())

    def _read(self, planned: PlannedRow) -> RowResult:
        model = self.scale.network(planned.row.training.model)
        counts = row_counts(model, planned.row.inference, size=self.table.size, classes=self.table.classes)
        done = [seed for seed in range(self.scale.seeds) if planned.files.is_done(seed)]
        if planned.config is None or not done:
            diverged = any(planned.files.divergence(seed).exists() for seed in range(self.scale.seeds))
            return RowResult(planned.row, counts, note="diverged" if diverged else planned.note)
        return RowResult(
            planned.row,
            counts,
            seeds=tuple(planned.files.overlaps(seed) for seed in done),
            seconds=sum(planned.files.read_seconds(seed) for seed in done),
        )

    def run(
        self, *, on_progress: OnProgress = lambda *_: None, on_divergence: OnDivergence = lambda *_: None
    ) -> TableResult:
        """Train and evaluate the chosen rows that are not done, and write the pages after each.

        Rows that another process works on are left to it. A training that diverges is told, and the next one runs.

        Args:
            on_progress: Called with what is being done and how much of the work is.
            on_divergence: Called with a row and a message for each training that diverges.

        Raises:
            InputError: If the folder holds results of another protocol, or a row cannot be trained or evaluated.
        """
        claim_folder(self.out, self.protocol())
        require_several_classes(self.validation)
        chosen = [row for number, row in enumerate(self.planned(), 1) if not self.chosen or number in self.chosen]
        progress = _Progress(on_progress, self._work(chosen))
        for planned in chosen:
            for seed in range(self.scale.seeds):
                if planned.config is None or planned.files.is_done(seed):
                    continue
                with claimed(planned.files.lock) as ours:
                    if ours and not planned.files.is_done(seed):
                        self._run_row(planned, replace(planned.config, seed=seed), progress, on_divergence)
                        write_pages(self.result(), self.out)
        result = self.result()
        if not (self.out / "table.json").exists():
            write_pages(result, self.out)
        return result

    def _run_row(
        self, planned: PlannedRow, config: TrainConfig, progress: "_Progress", on_divergence: OnDivergence
    ) -> None:
        """Train, or take a training that another row has done, and evaluate, unless the training diverges."""
        folder, name, seed = run_folder(self.runs, config), planned.row.name, config.seed
        with claimed(folder.with_name(f".{folder.name}.lock")) as ours:
            if not ours and not is_trained(folder, config):
                return  # another process trains it, for a row that it has claimed
            try:
                weights = train_once(
                    config,
                    data=self.train,
                    folder=folder,
                    device=self.device,
                    on_step=lambda done: progress.training(name, folder, done, config),
                )
            except DivergedError as error:
                planned.files.write_divergence(seed, str(error))
                on_divergence(name, str(error))
                return
        inference, files = planned.row.inference, planned.files
        evaluation = Evaluation(folder, inference=inference, data=self.validation)
        bands = planned.row.trimap is not None
        seconds = evaluation.run(
            weights,
            device=self.device,
            bands=bands,
            on_progress=lambda done, total: progress.evaluation(name, done, total, inference.views),
        )
        files.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(evaluation.report, files.report(seed))
        if bands:
            shutil.copyfile(evaluation.bands, files.bands(seed))
        files.write_seconds(seed, training=seconds_of(folder), evaluation=seconds)
        progress.finish_row(inference.views * len(self.validation))

    def _work(self, chosen: Sequence[PlannedRow]) -> int:
        """Count the forward passes that the rows still need; a training that rows share counts once."""
        trainings, work = dict[Path, int](), 0
        for planned in chosen:
            for seed in range(self.scale.seeds):
                if planned.config is None or planned.files.is_done(seed):
                    continue
                config = replace(planned.config, seed=seed)
                folder = run_folder(self.runs, config)
                if not is_trained(folder, config):
                    trainings[folder] = _TRAINED_CROP * config.iterations * config.batch_size
                work += planned.row.inference.views * len(self.validation)
        return work + sum(trainings.values())


class _Progress:
    """Adds up the work of all rows.

    Args:
        on_progress: Called with a description, the work done, and all of it.
        total: All work, in forward passes.
    """

    def __init__(self, on_progress: OnProgress, total: int) -> None:
        self._on_progress = on_progress
        self._total = max(total, 1)
        self._trained = dict[Path, int]()
        self._evaluated = 0

    def training(self, name: str, folder: Path, steps: int, config: TrainConfig) -> None:
        """Report the steps that a training has done."""
        self._trained[folder] = _TRAINED_CROP * steps * config.batch_size
        self._report(f"{name}: training, step {steps} of {config.iterations}")

    def evaluation(self, name: str, done: int, total: int, views: int) -> None:
        """Report the pictures that an evaluation has done."""
        self._report(f"{name}: evaluating, picture {done} of {total}", extra=views * done)

    def finish_row(self, evaluated: int) -> None:
        """Add the work of a finished evaluation."""
        self._evaluated += evaluated

    def _report(self, text: str, extra: int = 0) -> None:
        done = sum(self._trained.values()) + self._evaluated + extra
        self._on_progress(text, min(done, self._total), self._total)


def open_experiment(
    table: PaperTable,
    data: Path,
    *,
    scale: Scale,
    out: Path,
    runs: Path | None = None,
    split: str | None = None,
    val_split: str = "val",
    schema: Path | None = None,
    chosen: tuple[int, ...] = (),
    device: torch.device,
    workers: int = 0,
) -> Experiment:
    """Open the data of a re-run.

    Args:
        table: The table.
        data: Folder of labelled pictures.
        scale: Settings that shrink all rows alike.
        out: Folder of the results.
        runs: Folder of the trainings; by default `runs` in `out`.
        split: Split to train on; by default `trainaug` of PASCAL VOC, else `train`.
        val_split: Split to evaluate on.
        schema: The meaning of the masks, if it is not in the folder.
        chosen: Numbers of the rows to run, from 1; empty is all.
        device: Device to compute on.
        workers: Number of processes that load data.

    Raises:
        InputError: If the data cannot be opened, or a number is that of no row.
    """
    for number in chosen:
        if not 1 <= number <= len(table.rows):
            raise InputError(f"row {number} does not exist; {table.name} has rows 1 to {len(table.rows)}")
    split = split or ("trainaug" if data.is_dir() and is_voc(data) else "train")
    splits = open_splits(data, splits=[split, val_split], schema=schema)
    validation = splits[val_split]
    if scale.images and scale.images < len(validation):
        indices = np.linspace(0, len(validation) - 1, scale.images, dtype=int).tolist()
        validation = Selection(validation, tuple(indices), rule=f"{scale.images} pictures, evenly spread")
    return Experiment(
        table=table,
        scale=scale,
        train=splits[split],
        validation=validation,
        out=out,
        runs=runs or out / "runs",
        chosen=chosen,
        device=device,
        workers=workers,
    )
