"""Observers that send the curves of a run to TensorBoard, Weights & Biases or MLflow; each needs its extra."""

import re
from types import ModuleType
from typing import Any

from atrous.errors import InputError
from atrous.extras import require
from atrous.training.loop import ValidationResult
from atrous.training.observers import Observer, RunStart, scalars
from atrous.training.progress import TrainingProgress


class TensorBoardObserver(Observer):
    """Writes curves for TensorBoard to `tensorboard/` in the run folder.

    Raises:
        InputError: If TensorBoard is not installed.
    """

    def __init__(self) -> None:
        require("tensorboard", extra="tensorboard", purpose="--tensorboard")
        self._writer: Any = None

    def on_start(self, start: RunStart) -> None:
        """Open the event file; points that an interrupted run wrote beyond its last state are hidden."""
        from torch.utils.tensorboard import SummaryWriter  # imported late: an extra

        self._writer = SummaryWriter(str(start.folder / "tensorboard"), purge_step=start.iteration + 1)

    def on_step(self, progress: TrainingProgress) -> None:
        """Write loss, rate and times."""
        self._add(progress)

    def on_validation(self, validated: ValidationResult) -> None:
        """Write mIoU, pixel accuracy and the IoU of every class."""
        self._add(validated)

    def on_end(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()

    def _add(self, event: TrainingProgress | ValidationResult) -> None:
        for name, number in scalars(event).items():
            self._writer.add_scalar(name, number, event.iteration)
        self._writer.flush()


class WandbObserver(Observer):
    """Logs curves and settings to Weights & Biases (extra `wandb`); WANDB_MODE=offline works without an account.

    Args:
        project: Project of the run.

    Raises:
        InputError: If wandb is not installed.
    """

    def __init__(self, project: str = "atrous") -> None:
        self._wandb: ModuleType = require("wandb", extra="wandb", purpose="logging to Weights & Biases")
        self._project = project
        self._run: Any = None

    def on_start(self, start: RunStart) -> None:
        """Start a wandb run named after the run folder, whose files are below it."""
        start.folder.mkdir(parents=True, exist_ok=True)
        self._run = self._wandb.init(
            project=self._project, name=start.folder.name, dir=str(start.folder), config=start.settings
        )

    def on_step(self, progress: TrainingProgress) -> None:
        """Log loss, rate and times."""
        self._run.log(scalars(progress), step=progress.iteration)

    def on_validation(self, validated: ValidationResult) -> None:
        """Log mIoU, pixel accuracy and the IoU of every class."""
        self._run.log(scalars(validated), step=validated.iteration)

    def on_end(self) -> None:
        """Finish the wandb run."""
        if self._run is not None:
            self._run.finish()


class MlflowObserver(Observer):
    """Logs curves and settings to MLflow (extra `mlflow`), to the server or folder that MLFLOW_TRACKING_URI names.

    Args:
        experiment: Experiment of the run.

    Raises:
        InputError: If mlflow is not installed, or cannot log to where it is told to: the small package of the extra has
            no database, which MLflow takes where nothing is named.
    """

    def __init__(self, experiment: str = "atrous") -> None:
        self._mlflow: ModuleType = require("mlflow", extra="mlflow", purpose="logging to MLflow")
        self._experiment = experiment
        try:
            self._mlflow.MlflowClient()
        except self._mlflow.MlflowException as error:
            raise InputError(  # of MLflow's own words several lines are about other things
                f"MLflow cannot log to {self._mlflow.get_tracking_uri()}; name a server by "
                "MLFLOW_TRACKING_URI=http://HOST:5000, a folder by MLFLOW_TRACKING_URI=mlruns "
                "MLFLOW_ALLOW_FILE_STORE=true, or install the whole mlflow"
            ) from error

    def on_start(self, start: RunStart) -> None:
        """Start an MLflow run named after the run folder."""
        self._mlflow.set_experiment(self._experiment)
        self._mlflow.start_run(run_name=start.folder.name)
        training = start.settings.get("training", {})
        plain = {name: value for name, value in training.items() if isinstance(value, str | int | float | bool)}
        self._mlflow.log_params(plain)

    def on_step(self, progress: TrainingProgress) -> None:
        """Log loss, rate and times."""
        self._log(progress)

    def on_validation(self, validated: ValidationResult) -> None:
        """Log mIoU, pixel accuracy and the IoU of every class."""
        self._log(validated)

    def on_end(self) -> None:
        """End the MLflow run."""
        self._mlflow.end_run()

    def _log(self, event: TrainingProgress | ValidationResult) -> None:
        # MLflow refuses other letters in names.
        numbers = {re.sub(r"[^\w./ -]", "_", name): number for name, number in scalars(event).items()}
        self._mlflow.log_metrics(numbers, step=event.iteration)
