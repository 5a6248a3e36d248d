"""The evaluations of a training: each inference strategy runs once, for all rows and tables that share it."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch

from atrous.data.dataset import DataSet
from atrous.data.fingerprint import fingerprint
from atrous.data.formats.json_files import read_object
from atrous.errors import InputError
from atrous.evaluation.evaluate import evaluate
from atrous.files import atomic_path
from atrous.inference.predictor import Predictor
from atrous.papers.table import Inference
from atrous.papers.trimap import write_band_counts
from atrous.plain import to_plain

_REMEDY = "delete it, so that the row is evaluated again"


class Evaluation:
    """The files of one evaluation: report, counts inside the bands of the trimap curve, and time.

    Args:
        run: Run folder of the training.
        inference: Inference strategy.
        data: Data to evaluate on.
    """

    def __init__(self, run: Path, *, inference: Inference, data: DataSet) -> None:
        times = fingerprint(data, read_at_most=0).times
        about = json.dumps([to_plain(inference), to_plain(data.describe()), times], sort_keys=True)
        digest = hashlib.sha256(about.encode()).hexdigest()[:8]
        words = inference.words.lower().replace(", ", "-").replace(" ", "")
        self._folder = run / "evaluations" / f"{words}-{digest}"
        self._inference = inference
        self._data = data
        self.report = self._folder / "report.json"
        self.bands = self._folder / "bands.json"

    def run(
        self, weights: Path, *, device: torch.device, bands: bool, on_progress: Callable[[int, int], None]
    ) -> float:
        """Evaluate what has not been evaluated yet; returns the time that it took or had taken, in seconds.

        Args:
            weights: Archive of the training.
            device: Device to compute on.
            bands: True also counts inside the bands of the trimap curve.
            on_progress: Called with (pictures done, all pictures).

        Raises:
            InputError: If weights and data do not fit, or a file is damaged or cannot be written.
        """
        if not self.report.exists():
            self._timed("report", lambda: self._evaluate(weights, device, on_progress))
        if not bands:
            return self._seconds("report")
        if not self.bands.exists():
            predictor = self._predictor(weights, device)
            self._timed("bands", lambda: write_band_counts(self.bands, predictor, self._data))
        return self._seconds("report") + self._seconds("bands")

    def _predictor(self, weights: Path, device: torch.device) -> Predictor:
        chosen = self._inference
        return Predictor(
            weights, output_stride=chosen.output_stride, scales=chosen.scales, flip=chosen.flip, device=device
        )

    def _evaluate(self, weights: Path, device: torch.device, on_progress: Callable[[int, int], None]) -> None:
        report = evaluate(self._predictor(weights, device), self._data, keep_worst=0, on_progress=on_progress)
        report.write_json(self.report)

    def _timed(self, name: str, work: Callable[[], None]) -> None:
        started = time.perf_counter()
        work()
        with atomic_path(self._time_file(name)) as temporary:
            temporary.write_text(json.dumps({"seconds": time.perf_counter() - started}) + "\n", encoding="utf-8")

    def _seconds(self, name: str) -> float:
        path = self._time_file(name)
        seconds = read_object(path, remedy=_REMEDY).get("seconds") if path.exists() else 0.0
        if not isinstance(seconds, int | float):
            raise InputError(f"{path} holds no seconds; {_REMEDY}")
        return float(seconds)

    def _time_file(self, name: str) -> Path:
        return self._folder / f"{name}-seconds.json"
