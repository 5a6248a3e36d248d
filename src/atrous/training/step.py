"""One step of SGD: forward, loss, backward, update, average."""

import torch
from torch import Tensor

from atrous.data.loader import Batch
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig
from atrous.training.loss import SegmentationLoss
from atrous.training.schedule import poly_rate, set_rate


def rate_at(iteration: int, config: TrainConfig) -> float:
    """The learning rate of the step after `iteration` steps."""
    return poly_rate(
        iteration,
        base=config.learning_rate,
        iterations=config.iterations,
        power=config.power,
        warmup=config.warmup,
    )


def step(
    state: TrainingState,
    config: TrainConfig,
    *,
    batch: Batch,
    rate: float,
    loss_of: SegmentationLoss,
    device: torch.device,
) -> Tensor:
    """One update; returns the loss, still on the device."""
    # Dropout is a function of seed and iteration, like the data: a resumed run repeats an undisturbed one.
    torch.manual_seed((config.seed << 32) + state.iteration)
    set_rate(state.optimizer, rate)
    images = batch.images.to(device, non_blocking=True, memory_format=torch.channels_last)
    labels = batch.labels.to(device, non_blocking=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
        logits = state.model(images)
    loss = loss_of(state.model, logits, labels)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    state.optimizer.step()
    if state.average:
        state.average.update(state.model, step=state.iteration)
    state.iteration += 1
    return loss.detach()
