"""A trial of a training stage: memory and time of a step, and nothing written."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

import torch

from atrous.inference.predictor import Predictor
from atrous.training.batches import first_images, step_batches
from atrous.training.loop import chosen_loss
from atrous.training.result import result
from atrous.training.sampling import bootstrapped
from atrous.training.stages import Stage
from atrous.training.step import rate_at, train_step
from atrous.training.step_memory import StepMemory, step_memory

STEPS = 4
"""Steps that are tried; the first, in which libraries prepare and compile, is left out of the time."""


@dataclass(frozen=True)
class Trial:
    """Cost of a stage, measured on its first steps.

    Attributes:
        parameters: Number of weights.
        memory: Memory of a step, by its shapes.
        step_seconds: Median time of a step, its data included.
        validation_seconds: Time of one validation, by one image, with that of the running statistics where they are
            computed anew; 0 without validations and without these.
        validations: Number of times that weights are validated, or saved where there is nothing to validate on.
    """

    parameters: int
    memory: StepMemory
    step_seconds: float
    validation_seconds: float
    validations: int

    def seconds(self, iterations: int) -> float:
        """Expected time of a stage of so many steps."""
        return iterations * self.step_seconds + self.validations * self.validation_seconds


def trial(stage: Stage, *, device: torch.device) -> Trial:
    """Build the stage's network, do its first steps, and predict one image; the run folder is not touched.

    A second stage is tried with fresh weights, which cost the same.

    Raises:
        InputError: If the state cannot be built, the data cannot be read, or the device's memory is too small.
    """
    config = replace(stage.config, workers=0)  # processes take longer to start than these steps
    state = stage.fresh_state(device=device)
    loss = chosen_loss(stage.loss, config, data=stage.data, device=device)
    conventions, shown = state.model.config.conventions, bootstrapped(stage.data, config.sampling)
    batches = step_batches(
        config, conventions, data=shown, unlabelled=stage.unlabelled, start=0, stop=config.iterations
    )
    teacher = stage.teacher.on(device) if stage.teacher else None

    def step() -> None:
        rate = rate_at(state.iteration, config)
        labelled, unlabelled = next(batches)
        done = train_step(
            state,
            config,
            batch=labelled,
            rate=rate,
            loss_function=loss,
            device=device,
            teacher=teacher,
            unlabelled=unlabelled,
        )
        done.loss.item()

    seconds = [_seconds(step) for _ in range(min(STEPS, config.iterations))]
    of_validation = 0.0
    if config.norm_images:
        images = first_images(config, conventions, data=shown, unlabelled=stage.unlabelled, count=config.norm_images)
        of_validation = _seconds(lambda: result(state, images=images, device=device))
    if stage.validation is not None and len(stage.validation):
        predictor, image = Predictor(state.result, labels=stage.data.labels, device=device), stage.validation[0].image
        predictor(image)
        of_validation += _seconds(lambda: predictor(image)) * len(stage.validation)
    return Trial(
        sum(parameter.numel() for parameter in state.model.parameters()),
        step_memory(config, teacher=teacher),
        median(seconds[1:] or seconds),
        of_validation,
        sum(map(config.validates, range(1, config.iterations + 1))),
    )


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
