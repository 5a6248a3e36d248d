"""The training loop: SGD by iteration, validation now and then, a state on disk that outlives an interrupt."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from atrous.data.dataset import DataSet
from atrous.data.loader import training_batches
from atrous.errors import InputError
from atrous.evaluation.evaluate import Progress as ValidationProgress
from atrous.evaluation.evaluate import evaluate
from atrous.evaluation.report import Report
from atrous.inference.predictor import Predictor
from atrous.training.augment import training_transforms
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig
from atrous.training.loss import SegmentationLoss
from atrous.training.progress import Progress, Window
from atrous.training.run import Run
from atrous.training.step import rate_at, step

LOG_EVERY = 10
"""Steps between two reports; there is one before every save, too, so that a bad loss is seen before it is saved."""

SAVE_SECONDS = 120.0
"""At most about this much work is lost when a run is killed."""


@dataclass(frozen=True)
class Validated:
    """A validation: after how many iterations, and what came out."""

    iteration: int
    report: Report


def train(
    state: TrainingState,
    config: TrainConfig,
    *,
    data: DataSet,
    validation: DataSet,
    run: Run,
    device: torch.device,
    validating: ValidationProgress | None = None,
) -> Iterator[Progress | Validated]:
    """Train from `state`, which `run.resume` has seen, to the last iteration; yields what is worth telling.

    `validating` is called after every image of a validation with (images done, images in all).

    Raises:
        InputError: If the loss stops being finite (names the pictures), data is bad, or the folder cannot be written.
            The folder then holds the state of the last save before.
    """
    loss_of = SegmentationLoss(
        data,
        class_balance=config.class_balance,
        label_smoothing=config.label_smoothing,
        hard_pixels=config.hard_pixels,
        device=device,
    )
    batches = training_batches(
        data,
        training_transforms(config, state.model.config.conventions, ignore=data.labels.ignore),
        batch_size=config.batch_size,
        seed=config.seed,
        start=state.iteration,
        stop=config.iterations,
        workers=config.workers,
    )
    window, saved = Window(), time.monotonic()
    while state.iteration < config.iterations:
        asked = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - asked
        rate = rate_at(state.iteration, config)
        loss = step(state, config, batch=batch, rate=rate, loss_of=loss_of, device=device)
        window.add(loss, names=batch.names, waited=waited)
        due = config.validates(state.iteration)
        saving = time.monotonic() - saved > SAVE_SECONDS
        if not (due or saving or state.iteration % LOG_EVERY == 0):
            continue
        progress = window.progress(iteration=state.iteration, rate=rate)
        run.log(progress)
        yield progress
        if due or saving:
            _require_finite(state)
            if due:
                predictor = Predictor(state.result, labels=data.labels, device=device)
                report = evaluate(predictor, validation, progress=validating)
                run.keep(state, config, report=report, data=data)
                yield Validated(state.iteration, report)
            else:
                run.save(state)
            saved = time.monotonic()
        window = Window()


def _require_finite(state: TrainingState) -> None:
    """Keep weights that are no numbers out of the run folder; a step's loss is taken before its update."""
    tensors = state.model.state_dict().values()
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        raise InputError(
            f"the weights stopped being finite at iteration {state.iteration}; lower the learning rate; "
            "the run folder keeps the last good state"
        )
