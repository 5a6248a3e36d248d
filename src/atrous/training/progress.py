"""Progress reports of the training loop: mean loss, learning rate and time per step."""

import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from atrous.errors import DivergedError


@dataclass(frozen=True)
class TrainingProgress:
    """Averages over the steps since the last report.

    Attributes:
        iteration: Number of steps done.
        loss: Mean loss over these steps, in nats.
        rate: Learning rate of the last of these steps.
        seconds: Time per step.
        data_seconds: Part of `seconds` spent waiting for data.
        confident: Share 0..1 of the pixels that the teacher was asked about at which it is confident; None without a
            teacher.
    """

    iteration: int
    loss: float
    rate: float
    seconds: float
    data_seconds: float
    confident: float | None = None


class LossWindow:
    """The losses of the steps since the last report; they stay on the device until the next one."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._confident: list[Tensor] = []
        self._names: list[tuple[str, ...]] = []
        self._started = time.perf_counter()
        self._waited = 0.0

    def add(self, loss: Tensor, *, names: tuple[str, ...], waited: float, confident: Tensor | None = None) -> None:
        """Add a step: its loss, its images, the seconds it waited for them, the confident share of the teacher."""
        self._losses.append(loss)
        self._confident += [] if confident is None else [confident]
        self._names.append(names)
        self._waited += waited

    def progress(self, *, iteration: int, rate: float) -> TrainingProgress:
        """Return the averages after `iteration` steps.

        Raises:
            DivergedError: If a loss is not finite; the message names the pictures of that step.
        """
        losses, count = torch.stack(self._losses).tolist(), len(self._losses)
        for step, (loss, names) in enumerate(zip(losses, self._names, strict=True), start=iteration - count + 1):
            if not math.isfinite(loss):
                raise DivergedError(
                    f"the loss became {loss} at iteration {step}, on {', '.join(names)}; lower the learning rate, or "
                    "look at these pictures and masks; the run folder keeps the last good state"
                )
        elapsed = time.perf_counter() - self._started
        confident = torch.stack(self._confident).mean().item() if self._confident else None
        return TrainingProgress(iteration, sum(losses) / count, rate, elapsed / count, self._waited / count, confident)
