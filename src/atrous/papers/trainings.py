"""The trainings of a table: each distinct one runs once, in a run folder from which it resumes."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from atrous.data.dataset import DataSet
from atrous.plain import to_plain
from atrous.training.checkpoint import saved_iteration
from atrous.training.config import TrainConfig
from atrous.training.observers import Observer
from atrous.training.progress import TrainingProgress
from atrous.training.report import training_seconds
from atrous.training.run import STATE_FILE
from atrous.training.stages import SecondStage
from atrous.training.train_run import plan_stages, run_stages
from atrous.weights.run_folder import LAST, METRICS

_ADDED_LATER = {"degradation": 0.0, "norm_images": 0, "logit_adjustment": 0.0}
"""Settings that did not exist when the first folders were named, with their defaults: these change no name."""

OnStep = Callable[[int], None]
"""Called with the number of steps that are done."""


class _Steps(Observer):
    """Reports the number of steps done."""

    def __init__(self, on_step: OnStep) -> None:
        self._on_step = on_step

    def on_step(self, progress: TrainingProgress) -> None:
        """Report them."""
        self._on_step(progress.iteration)


def run_folder(runs: Path, config: TrainConfig) -> Path:
    """Folder of a training: equal settings have equal folders, so that rows and tables share trainings."""
    plain = to_plain(replace(config, workers=0))
    plain = {name: value for name, value in plain.items() if (name, value) not in _ADDED_LATER.items()}
    if (decoder := plain["model"]["decoder"]) and decoder["fine_channels"] is None:  # added later, too
        del decoder["fine_channels"]
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:12]
    return runs / f"{config.model.backbone.kind}-os{config.model.output_stride}-{digest}"


def is_trained(folder: Path, config: TrainConfig) -> bool:
    """Return True if the training in a folder has done all its steps."""
    return (folder / LAST).exists() and saved_iteration(folder / STATE_FILE) == config.iterations


def train_once(config: TrainConfig, *, data: DataSet, folder: Path, device: torch.device, on_step: OnStep) -> Path:
    """Train, resume, or do nothing where all steps are done; returns the archive of the last weights.

    Raises:
        InputError: If the folder holds other settings or data, or training fails.
    """
    stages = plan_stages(config, SecondStage(), data={"train": data}, split="train", validation=None, out=folder)
    if not is_trained(folder, config):
        run_stages(stages, device=device, observers=[_Steps(on_step)])
    return folder / LAST


def seconds_of(folder: Path) -> float:
    """Time that all steps of a training took, interruptions left out."""
    lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
    return training_seconds([json.loads(line) for line in lines])


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Hold a lock file while the block runs; yields False where another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()
