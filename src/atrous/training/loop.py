"""The training loop: SGD by iteration, regular validations, and a state on disk from which a run resumes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from atrous.data.dataset import DataSet
from atrous.errors import DivergedError
from atrous.evaluation.evaluate import OnProgress, evaluate
from atrous.evaluation.report import MAX_IMAGES, Report
from atrous.inference.predictor import Model, Predictor
from atrous.labels import LabelSpace
from atrous.training.batches import first_images, step_batches
from atrous.training.checkpoint import TrainingState, share_state
from atrous.training.config import TrainConfig
from atrous.training.logit_adjustment import logit_adjustment, raise_logits
from atrous.training.loss import CustomLoss, LossFunction, SegmentationLoss
from atrous.training.progress import LossWindow, TrainingProgress
from atrous.training.replicas import SINGLE_PROCESS, Replicas
from atrous.training.result import result
from atrous.training.run import Run
from atrous.training.sampling import bootstrapped
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
    adjustment = logit_adjustment(batch_loss, share=config.logit_adjustment)
    if adjustment is not None and state.iteration == 0 and state.started_from:
        raise_logits(state, adjustment)  # so that what is saved begins as the weights that the run starts from
    teacher = teacher.on(device, raised_by=adjustment) if teacher else None
    conventions, shown = state.model.config.conventions, bootstrapped(data, config.sampling)
    batches = step_batches(
        config,
        conventions,
        data=shown,
        unlabelled=unlabelled,
        start=state.iteration,
        stop=config.iterations,
        replicas=replicas,
    )
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
                images = None
                if config.norm_images:
                    images = first_images(
                        config, conventions, data=shown, unlabelled=unlabelled, count=config.norm_images
                    )
                model = result(state, images=images, adjustment=adjustment, device=device)
                report = _evaluated(model, validation, labels=data.labels, device=device, on_progress=validating)
                run.save_validation(state, config, model=model, report=report, data=data)
                validated = None if report is None else ValidationResult(state.iteration, report)
                del model  # it may be a copy, which would lie on the device until the next one
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


def _evaluated(
    model: Model,
    validation: DataSet | None,
    *,
    labels: LabelSpace,
    device: torch.device,
    on_progress: OnProgress | None,
) -> Report | None:
    if validation is None:
        return None
    predictor = Predictor(model, labels=labels, device=device)
    return evaluate(predictor, validation, gallery=MAX_IMAGES, on_progress=on_progress)


def chosen_loss(
    loss_function: LossFunction | None, config: TrainConfig, *, data: DataSet, device: torch.device
) -> SegmentationLoss | CustomLoss:
    """Return the caller's loss, or that of the settings."""
    if loss_function:
        return CustomLoss(loss_function, ignore=data.labels.ignore)
    return SegmentationLoss(data, config.loss, device=device)


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
