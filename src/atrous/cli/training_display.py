"""Display of a training run in the terminal."""

import torch

from atrous.cli.console import progress_bar
from atrous.errors import InputError
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig
from atrous.training.progress import TrainingProgress
from atrous.training.replicas import ALONE, Replicas
from atrous.training.stages import Stage
from atrous.training.tensorboard import TensorBoardWriter


def follow(
    state: TrainingState,
    stage: Stage,
    *,
    device: torch.device,
    replicas: Replicas = ALONE,
    board: TensorBoardWriter | None = None,
) -> None:
    """Run the training loop with progress, time left and a line per validation; `board` gets every event.

    Raises:
        InputError: If training fails, as for `train`, or the device's memory is too small.
    """
    config = stage.config
    with progress_bar() as progress:
        task = progress.add_task("training", total=config.iterations, completed=state.iteration)
        pictures = progress.add_task("validating", total=len(stage.validation), visible=False)

        def show(done: int, total: int) -> None:
            progress.update(pictures, completed=done, total=total, visible=done < total)

        try:
            for event in stage.events(state, device=device, replicas=replicas, validating=show):
                if board:
                    board.add(event)
                if isinstance(event, TrainingProgress):
                    progress.update(task, completed=event.iteration, description=_line(event, config))
                else:
                    miou = event.report.miou
                    shown = "nothing labelled" if miou is None else f"mIoU {miou:.4f}"
                    progress.console.print(f"iteration {event.iteration}: {shown}")
        except (torch.OutOfMemoryError, MemoryError) as error:
            height, width = config.crop
            raise InputError(
                f"{device} ran out of memory; raise --accumulate ({config.accumulate}), "
                f"or lower --batch-size ({config.batch_size}) or --crop ({height} {width})"
            ) from error


def _line(event: TrainingProgress, config: TrainConfig) -> str:
    """Text beside the progress bar until the next event of the loop."""
    if config.validates(event.iteration):
        return f"loss {event.loss:.3f}  validating"
    share = event.data_seconds / event.seconds
    return f"loss {event.loss:.3f}  rate {event.rate:.4f}  {event.seconds:.2f} s/step, {share:.0%} on data"
