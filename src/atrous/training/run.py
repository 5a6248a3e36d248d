"""The folder of a run: configuration, metrics, curves, pictures, weights, and the state to go on from."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.evaluation.report import Report
from atrous.files import atomic_path
from atrous.plain import to_plain
from atrous.training.checkpoint import TrainingState, load_state, save_state
from atrous.training.config import TrainConfig
from atrous.training.report import write_picture, write_report
from atrous.weights.archive import save


class Run:
    """Paths and records of one run.

    Files: `config.json`, `metrics.jsonl` (a line per report), `state.safetensors` (to resume), `last.safetensors` and
    `best.safetensors` (archives), `report.html`, `pictures/ITERATION.png` (validation images, truth, prediction).

    Args:
        folder: Created where missing.
        settings: Configuration and data, as they will stand in `config.json`.

    Raises:
        InputError: If the folder holds a run of other settings, or cannot be written to.
    """

    def __init__(self, folder: Path, *, settings: Mapping[str, Any]) -> None:
        self.folder = folder
        self.metrics = folder / "metrics.jsonl"
        self.state = folder / "state.safetensors"
        self.last = folder / "last.safetensors"
        self.best = folder / "best.safetensors"
        self.page = folder / "report.html"
        plain = to_plain(settings)
        self._settings = json.loads(json.dumps(plain))
        self._check_same(folder / "config.json")
        with atomic_path(folder / "config.json") as temporary:
            temporary.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")

    def _check_same(self, path: Path) -> None:
        if not path.exists():
            return
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path} is not readable ({error}); choose another --out") from error
        difference = _first_difference(there, self._settings)
        if difference:
            raise InputError(f"{path.parent} holds another run ({difference}); choose another --out or delete it")

    def resume(self, state: TrainingState) -> bool:
        """Fill the state from the folder, and cut the metrics back to it; False where there is none yet."""
        if not self.state.exists():
            self._rewrite_metrics([])
            return False
        load_state(self.state, state)
        self._rewrite_metrics([line for line in self.records() if line["iteration"] <= state.iteration])
        return True

    def records(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`; a half-written last line does not count."""
        records = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines() if self.metrics.exists() else ():
            try:
                records.append(json.loads(line))
            except ValueError:
                break
        return records

    def _rewrite_metrics(self, records: list[dict[str, Any]]) -> None:
        with atomic_path(self.metrics) as temporary:
            temporary.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")

    def log(self, record: Any) -> None:
        """Append a dataclass of numbers to `metrics.jsonl`; what is not finite becomes null."""
        self._append({name: _finite(value) for name, value in asdict(record).items()})

    def _append(self, record: dict[str, Any]) -> None:
        try:
            with self.metrics.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise InputError(f"cannot write {self.metrics}: {error.strerror}; free some space and run again") from error

    def keep(self, state: TrainingState, config: TrainConfig, *, report: Report, data: DataSet) -> None:
        """After a validation: weights, state, metrics, report."""
        iteration = state.iteration
        if report.miou is not None and report.miou > state.best[0]:
            state.best = (report.miou, iteration)
        self._append({"iteration": iteration, "miou": report.miou, "pixel_accuracy": report.pixel_accuracy})
        provenance = {
            "trained_on": data.describe(),
            "iterations": iteration,
            "training": to_plain(config),
            "results": [report.to_json()],
        }
        save(self.last, state.result, labels=data.labels, provenance=provenance)
        if state.best[1] == iteration:
            save(self.best, state.result, labels=data.labels, provenance=provenance)
        write_report(self.page, self.records(), report=report, config=config)
        write_picture(self.folder / "pictures" / f"{iteration:07d}.png", report.worst, space=data.labels)
        self.save(state)

    def save(self, state: TrainingState) -> None:
        """Write the state that `resume` goes on from."""
        save_state(self.state, state)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _first_difference(there: Any, here: Any, where: str = "") -> str:
    """The first field in which two plain values differ, with both values; empty where they agree."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in [*here, *(name for name in there if name not in here)]:
            difference = _first_difference(there.get(name), here.get(name), f"{where} {name}".strip())
            if difference:
                return difference
        return ""
    return "" if there == here else f"{where}: {there!r:.60} there, {here!r:.60} now"
