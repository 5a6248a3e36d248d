"""The folder of a run: settings, metrics, report, pictures, weights, and the state to resume from."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from atrous.data.dataset import DataSet
from atrous.data.fingerprint import reconciled
from atrous.data.loader import Batch
from atrous.errors import InputError
from atrous.evaluation.report import Report
from atrous.files import atomic_path
from atrous.inference.predictor import Model
from atrous.labels import LabelSpace
from atrous.plain import completed, first_difference, to_plain
from atrous.training.checkpoint import TrainingState, load_state, previous_path, save_state, saved_iteration
from atrous.training.config import TrainConfig
from atrous.training.format0 import upgraded_settings
from atrous.training.progress import TrainingProgress
from atrous.training.report import NamedConfig, write_batch, write_picture, write_report
from atrous.weights.archive import save
from atrous.weights.run_folder import CONFIG, LAST, METRICS

STATE_FILE = "state.safetensors"
"""File that resuming reads; a run has begun where it exists."""

_MAY_CHANGE_ON_RESUME = ("workers", "replicas")
"""Settings that may change when a run resumes: schedule and order of the images do not depend on them."""

_ADDED_LATER = ("label_space", "files")
"""Groups of settings that older run folders lack; where they are missing they are not compared."""

_PARTIAL = f".*.{'[0-9a-f]' * 8}.part.*"
"""Pattern of the temporary files that a killed process leaves (see `atomic_path`)."""

FORMAT = 1
"""Format number of `config.json`; a folder without one is of format 0 (`training/format0.py`)."""


class Run:
    """Paths and records of one run.

    Files: `config.json`, `metrics.jsonl` (a line per report), `state.safetensors` (to resume), `last.safetensors` and
    `best.safetensors` (archives), `report.html`, `images.csv` (IoU of every validation image), `pictures/ITERATION.png`
    (validation images, truth, prediction), `pictures/batch.png` (crops of the first training batch).

    Attributes:
        extended_from: Number of steps that the finished run in the folder had, if this one has more; else None.

    Args:
        folder: The folder; nothing in it is created or written before `resume`.
        settings: Settings of training and descriptions of the data, for `config.json`.
        recipe: The recipe that the settings came from, for the page.

    Raises:
        InputError: If the folder holds a run with other settings, or cannot be written to.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, Any], recipe: NamedConfig | None = None) -> None:
        self.folder = folder
        self.config = folder / CONFIG
        self.metrics = folder / METRICS
        self.state = folder / STATE_FILE
        self.last = folder / LAST
        self.best = folder / "best.safetensors"
        self.page = folder / "report.html"
        self.pictures = folder / "pictures"
        self.batch = self.pictures / "batch.png"
        self.images = folder / "images.csv"
        self._recipe = recipe
        self._report: Report | None = None
        self.extended_from: int | None = None
        self._settings = json.loads(json.dumps(to_plain(settings)))
        self._defaults = {
            name: json.loads(json.dumps(to_plain(TrainConfig(model=value.model))))
            for name, value in settings.items()
            if isinstance(value, TrainConfig)
        }
        _check_writable(folder)
        self._check_same()

    def _check_same(self) -> None:
        """Compare the settings with those in the folder; raises InputError if they differ."""
        saved = self._saved_settings()
        trained = self.state.exists() or self.last.exists()
        if not trained and isinstance(saved, dict) and saved.keys() <= self._settings.keys():
            return  # nothing, or a run that ended before its first save: there is nothing to lose
        if saved == {} and self._settings and self.state.exists():
            raise InputError(f"{self.folder} has a training state but no {self.config.name}; choose another --out")
        saved = completed(saved, self._defaults)
        free = [
            *_MAY_CHANGE_ON_RESUME,
            *(name for name in _ADDED_LATER if isinstance(saved, dict) and name not in saved),
        ]
        if isinstance(saved, dict) and isinstance(files := saved.get("files"), dict):
            now = self._settings.get("files", {})
            saved = {**saved, "files": {name: reconciled(value, now.get(name)) for name, value in files.items()}}
        if self._extends(saved):
            self.extended_from = saved["training"]["iterations"]
            free += ["iterations", "norm_momentum"]
        difference = first_difference(saved, self._settings, free=free)
        if difference is not None:
            name, before, now = difference
            if name.startswith("files"):
                remedy = "restore it" if name.endswith("contents") else "restore it with the times of its files"
                raise InputError(
                    f"the data of {self.folder} has changed since the run began ({name}: {before!r:.60} there, "
                    f"{now!r:.60} now); {remedy}, or choose another --out"
                )
            raise InputError(
                f"{self.folder} holds another run ({name or 'settings'}: {before!r:.60} there, {now!r:.60} now); "
                "choose another --out or delete it"
            )

    def _extends(self, saved: Any) -> bool:
        """Return True if the folder holds a finished run of fewer steps, or a damaged state, which resuming names."""
        try:
            before, now = saved["training"]["iterations"], self._settings["training"]["iterations"]
            longer = before < now
        except (KeyError, TypeError):
            return False
        done = saved_iteration(self.state)
        return longer and (done == before or (done is None and self.state.exists()))

    def _saved_settings(self) -> Any:
        """The settings in `config.json`, upgraded from older formats; an empty dict if there is no such file."""
        try:
            saved = json.loads(self.config.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(f"{self.config} is not readable ({error}); choose another --out") from error
        if not isinstance(saved, dict):
            return saved
        if "format" not in saved:
            return upgraded_settings(saved)
        if saved["format"] != FORMAT:
            raise InputError(
                f"{self.config} has format {saved['format']!r:.20}, this atrous reads 0 to {FORMAT}; "
                "use the version that wrote it, or choose another --out"
            )
        return {name: value for name, value in saved.items() if name != "format"}

    @property
    def settings(self) -> dict[str, Any]:
        """Settings and descriptions of the data as plain JSON values."""
        return self._settings

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold a lock that keeps other processes out of the folder; it is released when the process ends.

        Raises:
            InputError: If another process holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / ".lock", blocking=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise InputError(
                f"{self.folder} is being trained in by another process; wait for it, or choose another --out"
            ) from error
        except OSError as error:  # a folder of that name, no permission
            raise InputError(f"cannot lock {lock.lock_file}: {error.strerror or error}; remove it") from error
        try:
            yield
        finally:
            lock.release()

    def resume(self, state: TrainingState, *, previous: bool = False) -> bool:
        """Fill `state` from the folder and drop later metrics; returns False if there is no saved state.

        Args:
            state: A fresh state of the same settings.
            previous: Take the state before the newest one, which may be damaged.

        Raises:
            InputError: If there is no previous state where one is asked for, or the state does not fit.
        """
        path = previous_path(self.state) if previous else self.state
        if previous and not path.exists():
            raise InputError(f"there is no {path}; leave out --resume-previous")
        if resumed := path.exists():
            load_state(path, state, iterations=self._settings.get("training", {}).get("iterations"))
            if self.extended_from not in (None, state.iteration):
                raise InputError(
                    f"{path} has done {state.iteration} of the {self.extended_from} iterations of its run; finish it "
                    f"with --iterations {self.extended_from} before it goes on"
                )
        if previous:
            path.replace(self.state)
        for partial in self.folder.glob(_PARTIAL):
            partial.unlink(missing_ok=True)
        with atomic_path(self.config) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT, **self._settings}, indent=2) + "\n", encoding="utf-8")
        kept = [record for record in self.records() if record["iteration"] <= state.iteration] if resumed else []
        with atomic_path(self.metrics) as temporary:
            temporary.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")
        return resumed

    def records(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl` up to the first that is incomplete or not a record."""
        records: list[dict[str, Any]] = []
        text = self.metrics.read_text(encoding="utf-8", errors="replace") if self.metrics.exists() else ""
        for line in text.splitlines():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                break
            if (
                not isinstance(record, dict)
                or type(record.get("iteration")) is not int
                or not all(value is None or type(value) in (int, float) for value in record.values())
            ):
                break
            records.append(record)
        return records

    def log(self, progress: TrainingProgress) -> None:
        """Append a progress report to `metrics.jsonl`."""
        self._append({name: value for name, value in asdict(progress).items() if value is not None})

    def _append(self, record: dict[str, Any]) -> None:
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise InputError(f"cannot write {self.metrics}: {error.strerror}; free some space and run again") from error

    def save_validation(
        self, state: TrainingState, config: TrainConfig, *, model: Model, report: Report | None, data: DataSet
    ) -> None:
        """Save the validated weights, metrics, page, pictures and state; `report` is None without validation data."""
        iteration = state.iteration
        if report is not None:
            if report.miou is not None and report.miou > state.best[0]:
                state.best = (report.miou, iteration)
            self._append({"iteration": iteration, "miou": report.miou, "pixel_accuracy": report.pixel_accuracy})
        provenance = {
            "trained_on": data.describe(),
            "iterations": iteration,
            "training": to_plain(config),
            **({"started_from": state.started_from} if state.started_from else {}),
            "results": [report.to_json()] if report else [],
        }
        save(self.last, model, labels=data.labels, provenance=provenance)
        if state.best[1] == iteration:
            save(self.best, model, labels=data.labels, provenance=provenance)
        self._report = report
        self._write_page(report, config)
        if report is not None:
            report.write_csv(self.images)
            write_picture(self.pictures / f"{iteration:07d}.png", report.worst, space=data.labels)
        self.save(state)

    def _write_page(self, report: Report | None, config: TrainConfig) -> None:
        write_report(self.page, self.records(), report=report, config=config, batch=self.batch, recipe=self._recipe)

    def write_batch_image(self, batch: Batch, *, space: LabelSpace) -> None:
        """Keep a picture of a training batch for the page."""
        write_batch(self.batch, batch, space=space)

    def save(self, state: TrainingState) -> None:
        """Write the state that `resume` reads."""
        save_state(self.state, state)

    def finish(self) -> None:
        """Delete the state before the newest one once all steps are done."""
        previous_path(self.state).unlink(missing_ok=True)

    def update_report(self, config: TrainConfig) -> None:
        """Update the page between validations; after a resume the old page stays until the first validation."""
        if self._report or not self.page.exists():
            self._write_page(self._report, config)


def _check_writable(folder: Path) -> None:
    """Check that a folder can be created, without creating it; raises InputError."""
    there = next((path for path in (folder, *folder.parents) if os.path.exists(path)), folder)
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        reason = "cannot be written to" if there.is_dir() else "is no folder"
        raise InputError(f"cannot write {folder}: {there} {reason}; choose another --out")
