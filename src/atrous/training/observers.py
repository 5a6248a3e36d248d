"""Observers of a training run: objects that are called after reports and validations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from atrous.errors import InputError
from atrous.training.loop import ValidationResult
from atrous.training.progress import TrainingProgress


@dataclass(frozen=True)
class RunStart:
    """A run, or one stage of it, that begins or resumes.

    Attributes:
        folder: Run folder.
        iteration: Number of steps that are done already.
        iterations: Number of all steps.
        settings: All settings as plain JSON values.
    """

    folder: Path
    iteration: int
    iterations: int
    settings: dict[str, Any]


class Observer:
    """Base class of observers; its methods do nothing, so that a subclass defines only those that it needs.

    An exception in an observer ends the run with its traceback, after the training state was saved.
    """

    def on_start(self, start: RunStart) -> None:
        """Called before the first step of every stage, also after a resume."""

    def on_step(self, progress: TrainingProgress) -> None:
        """Called every ten steps and after every save, with averages since the last call; before `on_validation`."""

    def on_validation_progress(self, done: int, total: int) -> None:
        """Called after every image of a validation."""

    def on_validation(self, validated: ValidationResult) -> None:
        """Called after every validation, when its files are written."""

    def on_end(self) -> None:
        """Called when a stage ends, also after an error."""


def check_observers(observers: object) -> None:
    """Refuse what is no observer, before any work.

    Raises:
        InputError: If `observers` is no sequence of instances of `Observer`.
    """
    if not isinstance(observers, Sequence):  # an iterator would be used up by this look at it
        raise InputError(f"observers is a {type(observers).__name__}; give a list of them")
    for observer in cast("Sequence[object]", observers):
        if not isinstance(observer, Observer):
            what = f"the class {observer.__name__}" if isinstance(observer, type) else f"a {type(observer).__name__}"
            raise InputError(f"observers holds {what}; give instances of subclasses of atrous.Observer")


def notify(observers: Iterable[Observer], event: TrainingProgress | ValidationResult) -> None:
    """Call the method of every observer that belongs to an event of the training loop."""
    for observer in observers:
        if isinstance(event, ValidationResult):
            observer.on_validation(event)
        else:
            observer.on_step(event)


def scalars(event: TrainingProgress | ValidationResult) -> dict[str, float]:
    """The numbers of an event by the names that the trackers show."""
    match event:
        case TrainingProgress():
            numbers: dict[str, float | None] = {
                "train/loss": event.loss,
                "train/learning rate": event.rate,
                "seconds per step/all": event.seconds,
                "seconds per step/data": event.data_seconds,
                "train/confident pixels": event.confident,
            }
        case ValidationResult():
            report = event.report
            numbers = {"validation/mIoU": report.miou, "validation/pixel accuracy": report.pixel_accuracy}
            numbers |= {f"IoU/{name}": iou for name, iou in report.iou.items()}
    return {name: number for name, number in numbers.items() if number is not None}
