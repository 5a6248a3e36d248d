"""What a run reports between two steps: mean loss, rate, and where the time goes."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from atrous.errors import InputError


@dataclass(frozen=True)
class TrainingProgress:
    """What has happened since the last report.

    Attributes:
        iteration: Steps done.
        loss: Mean over the steps since the last report, in nats.
        rate: Learning rate of the last step.
        seconds: Per step, all in all.
        data_seconds: Of these, waiting for data.
    """

    iteration: int
    loss: float
    rate: float
    seconds: float
    data_seconds: float


class LossWindow:
    """The steps since the last report; their losses stay on the device until it is due."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._names: list[tuple[str, ...]] = []
        self._started = time.perf_counter()
        self._waited = 0.0

    def add(self, loss: Tensor, *, names: tuple[str, ...], waited: float) -> None:
        """Take in a step: its loss, the pictures it saw, the seconds it waited for them."""
        self._losses.append(loss)
        self._names.append(names)
        self._waited += waited

    def progress(self, *, iteration: int, rate: float) -> TrainingProgress:
        """The report after `iteration` steps.

        Raises:
            InputError: If a loss is not finite; the message names the pictures of that step.
        """
        losses, count = torch.stack(self._losses).tolist(), len(self._losses)
        for step, (loss, names) in enumerate(zip(losses, self._names, strict=True), start=iteration - count + 1):
            if not math.isfinite(loss):
                raise InputError(
                    f"the loss became {loss} at iteration {step}, on {', '.join(names)}; lower the learning rate, or "
                    "look at these pictures and masks; the run folder keeps the last good state"
                )
        elapsed = time.perf_counter() - self._started
        return TrainingProgress(iteration, sum(losses) / count, rate, elapsed / count, self._waited / count)
