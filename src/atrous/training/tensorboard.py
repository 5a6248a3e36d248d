"""Curves for TensorBoard, written beside the run's own files where somebody asks for them (extra `tensorboard`)."""

from pathlib import Path
from types import TracebackType

from atrous.extras import require
from atrous.training.loop import Validated
from atrous.training.progress import TrainingProgress


def require_tensorboard() -> None:
    """Raise InputError, with the remedy, where TensorBoard is not installed."""
    require("tensorboard", extra="tensorboard", purpose="--tensorboard")


class TensorBoardWriter:
    """Writes what a run tells to `tensorboard/` in its folder; a context manager.

    Args:
        folder: Of the run.
        done: Steps that the run goes on from; what an interrupted run has written beyond them is hidden.

    Raises:
        InputError: If TensorBoard is not installed.
    """

    def __init__(self, folder: Path, *, done: int) -> None:
        require_tensorboard()
        from torch.utils.tensorboard import SummaryWriter  # an extra: nobody else needs it

        self._writer = SummaryWriter(str(folder / "tensorboard"), purge_step=done + 1)

    def __enter__(self) -> "TensorBoardWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, event: TrainingProgress | Validated) -> None:
        """Take in a report of the loop."""
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
