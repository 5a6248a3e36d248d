"""Display of a training run in the terminal."""

from collections.abc import Sequence

from rich.progress import TaskID

from atrous.cli.console import NotedProgress, console, progress_bar
from atrous.training.loop import LOG_EVERY, ValidationResult
from atrous.training.observers import Observer, RunStart
from atrous.training.optimizer import poly_rate
from atrous.training.preflight import deviations
from atrous.training.progress import TrainingProgress
from atrous.training.stages import Stage


class TerminalDisplay(Observer):
    """Shows progress, time left and a line per validation.

    Args:
        stages: The stages of the run.
        of_papers: If true, a new stage first lists its deviations from the papers' protocol.
    """

    def __init__(self, stages: Sequence[Stage], *, of_papers: bool) -> None:
        self._stages = {stage.run.folder: stage for stage in stages}
        self._of_papers = of_papers
        self._progress: NotedProgress | None = None
        self._training = self._validating = TaskID(0)

    def on_start(self, start: RunStart) -> None:
        """Print what the stage is about, and open the progress bar."""
        self._stage = stage = self._stages[start.folder]
        config = stage.config
        if self._of_papers and not start.iteration:
            found = deviations(config, stage.data, second=stage.second)
            console.print(f"{len(found)} points differ from the papers' protocol" + ":" * bool(found))
            for deviation in found:
                console.print(f"  {deviation}", soft_wrap=True, markup=False)
        before = stage.run.extended_from
        if before is not None and start.iteration < config.iterations:
            rate = poly_rate(
                start.iteration, base=config.learning_rate, iterations=config.iterations, power=config.power
            )
            console.print(
                f"the finished run of {before} iterations goes on to {config.iterations}: the learning rate rises to "
                f"{rate:.4g}, where the longer schedule has it, and falls to 0 again",
                soft_wrap=True,
                markup=False,
            )
        validated = 0 if stage.validation is None else len(stage.validation)
        replicas = f"{config.replicas} replicas; " if config.replicas > 1 else ""
        without_labels = f"{len(stage.unlabelled)} without labels, " if stage.unlabelled is not None else ""
        console.print(
            f"{len(stage.data)} images to train on, {without_labels}{validated} to validate on, "
            f"{len(stage.data.labels)} classes; "
            f"{replicas}{start.iteration} of {config.iterations} iterations are done",
            soft_wrap=True,
            markup=False,
        )
        self._last = start.iteration
        self._progress = progress_bar()
        self._training = self._progress.add_task("training", total=config.iterations, completed=start.iteration)
        self._validating = self._progress.add_task("validating", total=validated, visible=False)
        if steps := min(LOG_EVERY, config.iterations - start.iteration):
            self._progress.note = f"loss and speed follow after {steps} steps"
        self._progress.start()

    def on_step(self, progress: TrainingProgress) -> None:
        """Advance the bar; below it loss, rate and time per step."""
        if self._progress is None:
            return
        self._last = progress.iteration
        share = progress.data_seconds / progress.seconds
        times = f"{progress.seconds:.2f} s/step, {share:.0%} on data"
        taught = "" if progress.confident is None else f"  teacher confident on {progress.confident:.0%}"
        self._progress.note = f"loss {progress.loss:.3f}  rate {progress.rate:.4f}{taught}  {times}"
        self._progress.update(self._training, completed=progress.iteration)

    def on_validation_progress(self, done: int, total: int) -> None:
        """Advance the bar of the validation."""
        if self._progress is not None:
            self._progress.update(self._validating, completed=done, total=total, visible=done < total)

    def on_validation(self, validated: ValidationResult) -> None:
        """Print the mIoU."""
        miou = validated.report.miou
        shown = "nothing labelled" if miou is None else f"mIoU {miou:.4f}"
        if self._progress is not None:
            self._progress.console.print(f"iteration {validated.iteration}: {shown}")

    def on_end(self) -> None:
        """Close the progress bar, and say if patience ended the stage."""
        if self._progress is None:
            return
        self._progress.stop()
        self._progress = None
