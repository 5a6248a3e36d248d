"""The training loop: SGD by iteration, regular validations, and a state on disk from which a run resumes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import repeat

import torch

from atrous.data.dataset import DataSet
from atrous.data.loader import Batch, training_batches
from atrous.errors import DivergedError
from atrous.evaluation.evaluate import OnProgress, evaluate
from atrous.evaluation.report import MAX_IMAGES, Report
from atrous.inference.predictor import Model, Predictor
from atrous.sizes import ceil_div
from atrous.training.checkpoint import TrainingState, share_state
from atrous.training.config import SamplingConfig, TrainConfig
from atrous.training.logit_adjustment import with_adjusted_logits
from atrous.training.loss import CustomLoss, LossFunction, SegmentationLoss
from atrous.training.norm_statistics import with_new_statistics
from atrous.training.progress import LossWindow, TrainingProgress
from atrous.training.replicas import SINGLE_PROCESS, Replicas
from atrous.training.run import Run
from atrous.training.sampling import bootstrapped, first_crops, training_transforms
from atrous.training.step import rate_at, train_step
from atrous.training.teacher import Teacher

LOG_EVERY = 10
"""Number of steps between two reports; there is one before every save, too, so that no bad loss is saved."""

SAVE_SECONDS = 120.0
"""Time between two saves: about the most work that is lost when a run is killed."""


@dataclass(frozen=True)
class ValidationResult:
    """Result of a validation after `iteration` steps."""

    iteration: int
    report: Report


def train(
    state: TrainingState,
    config: TrainConfig,
    *,
    data: DataSet,
    validation: DataSet | None,
    run: Run,
    device: torch.device,
    replicas: Replicas = SINGLE_PROCESS,
    validating: OnProgress | None = None,
    loss_function: LossFunction | None = None,
    teacher: Teacher | None = None,
    unlabelled: DataSet | None = None,
) -> Iterator[TrainingProgress | ValidationResult]:
    """Train from `state`, which `run.resume` has filled, until it is `finished`; yields progress and validations.

    Replicas have joined and start from one state; replica 0 alone validates and writes to `run`.

    `validating` is called after every image of a validation with (images done, all images). Without validation data
    weights are saved when a validation would be due. `loss_function` replaces the configuration's loss. `teacher`
    labels the pictures of `unlabelled`, or teaches on the labelled ones.

    Raises:
        InputError: If the loss stops being finite (names the pictures), data is bad, or the folder cannot be written.
            The folder then holds the state of the last save.
    """
    if finished(state, config):
        return
    batch_loss = chosen_loss(loss_function, config, data=data, device=device)
    batches = remaining_batches(state, config, data=data, unlabelled=unlabelled, replicas=replicas)
    teacher = teacher.on(device) if teacher else None
    window, saved = LossWindow(), time.monotonic()
    while not finished(state, config):
        requested = time.perf_counter()
        batch, without_labels = next(batches)
        waited = time.perf_counter() - requested
        if state.iteration == 0 and replicas.is_rank_0:
            run.write_batch_image(batch, space=data.labels)
        rate = rate_at(state.iteration, config)
        step = train_step(
            state,
            config,
            batch=batch,
            rate=rate,
            loss_function=batch_loss,
            device=device,
            replicas=replicas,
            teacher=teacher,
            unlabelled=without_labels,
        )
        names = batch.names if without_labels is None else batch.names + without_labels.names
        window.add(step.loss, names=names, waited=waited, confident=step.confident)
        due = config.validates(state.iteration)
        saving = time.monotonic() - saved > SAVE_SECONDS
        if not (due or saving or state.iteration % LOG_EVERY == 0):
            continue
        progress = window.progress(iteration=state.iteration, rate=rate)
        if replicas.is_rank_0:
            run.log(progress)
        validated = None
        if due or saving:
            require_finite(state)
            if replicas.is_rank_0 and due:
                model, report = _result(state, config, data=data, loss=batch_loss, device=device), None
                if validation is not None:
                    predictor = Predictor(model, labels=data.labels, device=device)
                    report = evaluate(predictor, validation, gallery=MAX_IMAGES, on_progress=validating)
                    validated = ValidationResult(state.iteration, report)
                run.save_validation(state, config, model=model, report=report, data=data)
            elif replicas.is_rank_0:
                run.save(state)
                run.update_report(config)
            if due:
                share_state(state, replicas=replicas)  # it holds the best so far: patience ends all replicas at once
            saved = time.monotonic()
        # Only now: a caller that ends here, such as an observer that raises, leaves no step without its validation.
        yield progress
        if validated is not None:
            yield validated
        window = LossWindow()
    if replicas.is_rank_0:
        run.finish()


def _result(
    state: TrainingState,
    config: TrainConfig,
    *,
    data: DataSet,
    loss: SegmentationLoss | CustomLoss,
    device: torch.device,
) -> Model:
    """The model to evaluate and to save; the state, which training goes on with, stays as it is."""
    model = state.result
    if config.norm_images:
        count, part = config.norm_images, config.batch_size // config.accumulate
        crops = first_crops(config, data, model.config.conventions, count=count, batch_size=part)
        model = with_new_statistics(model, (images.to(device) for images in crops))
    if config.logit_adjustment and isinstance(loss, SegmentationLoss) and loss.class_weights is not None:
        model = with_adjusted_logits(model, loss.class_weights, share=config.logit_adjustment)
    return model


def chosen_loss(
    loss_function: LossFunction | None, config: TrainConfig, *, data: DataSet, device: torch.device
) -> SegmentationLoss | CustomLoss:
    """Return the caller's loss, or that of the settings."""
    if loss_function:
        return CustomLoss(loss_function, ignore=data.labels.ignore)
    return SegmentationLoss(data, config.loss, device=device)


def remaining_batches(
    state: TrainingState,
    config: TrainConfig,
    *,
    data: DataSet,
    unlabelled: DataSet | None = None,
    replicas: Replicas = SINGLE_PROCESS,
) -> Iterator[tuple[Batch, Batch | None]]:
    """Labelled and unlabelled crops of the steps that are still to do, of this replica's rows.

    Unlabelled crops are transformed like labelled ones, but drawn by a stream of their own; half of the workers load
    them. Their labels are those of `unlabelled.unlabelled_pictures`.
    """
    workers = config.workers if unlabelled is None else ceil_div(config.workers, 2)

    def stream(source: DataSet, sampling: SamplingConfig, *, crops: int, seed: int) -> Iterator[Batch]:
        settings = replace(config, sampling=sampling)
        return training_batches(
            bootstrapped(source, sampling),
            training_transforms(settings, state.model.config.conventions, space=data.labels),
            batch_size=crops,
            seed=seed,
            start=state.iteration,
            stop=config.iterations,
            workers=workers,
            rows=replicas.rows(crops),
        )

    labelled = stream(data, config.sampling, crops=config.labelled_crops, seed=config.seed)
    if unlabelled is None:
        return zip(labelled, repeat(None))
    crops, seed = config.unlabelled_crops, config.seed + 2**32  # above all seeds of the settings
    return zip(labelled, stream(unlabelled, SamplingConfig(), crops=crops, seed=seed), strict=True)


def finished(state: TrainingState, config: TrainConfig) -> bool:
    """Return True if all steps are done or patience has run out; depends on the state alone."""
    waited = state.iteration - state.best[1]
    impatient = config.patience > 0 and waited >= config.patience * config.validate_every
    return state.iteration >= config.iterations or impatient


def require_finite(state: TrainingState) -> None:
    """Refuse weights that are not finite; a step's loss is computed before its update and cannot show them."""
    tensors = state.model.state_dict().values()
    if not all(bool(tensor.isfinite().all()) for tensor in tensors):
        raise DivergedError(
            f"the weights stopped being finite at iteration {state.iteration}; lower the learning rate; "
            "the run folder keeps the last good state"
        )
