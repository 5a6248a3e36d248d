"""Curves for TensorBoard, written into the run folder on request (extra `tensorboard`)."""

from pathlib import Path
from types import TracebackType

from atrous.extras import require
from atrous.training.loop import Validated
from atrous.training.progress import TrainingProgress


def require_tensorboard() -> None:
    """Raise InputError with the remedy if TensorBoard is not installed."""
    require("tensorboard", extra="tensorboard", purpose="--tensorboard")


class TensorBoardWriter:
    """Writes progress and validations of a run to `tensorboard/` in its folder; a context manager.

    Args:
        folder: Run folder.
        done: Number of steps that the run resumes from; later points of an interrupted run are hidden.

    Raises:
        InputError: If TensorBoard is not installed.
    """

    def __init__(self, folder: Path, *, done: int) -> None:
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter  # imported late: an extra

        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1)

    def __enter__(self) -> "TensorBoardWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, event: TrainingProgress | Validated) -> None:
        """Write a progress report or a validation."""
        match event:
            case TrainingProgress():
                numbers = {
                    "train/loss": event.loss,
                    "train/learning rate": event.rate,
                    "seconds per step/all": event.seconds,
                    "seconds per step/data": event.data_seconds,
                }
            case Validated():
                report = event.report
                numbers = {"validation/mIoU": report.miou, "validation/pixel accuracy": report.pixel_accuracy}
                numbers |= {f"IoU/{name}": iou for name, iou in report.iou.items()}
        for name, number in numbers.items():
            if number is not None:
                self._writer.add_scalar(name, number, event.iteration)
        self._writer.flush()
