"""One training step: forward, loss and backward pass, in parts if memory is short, then the update."""

import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from atrous.data.loader import Batch
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig
from atrous.training.loss import CustomLoss, SegmentationLoss
from atrous.training.optimizer import poly_rate, set_rate
from atrous.training.replicas import SINGLE_PROCESS, Replicas

_SEED_STEP = 0x9E3779B1
"""Difference between the seeds of two replicas: odd, so that all differ, and far from seeds that users choose."""

AUTOCAST_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


def rate_at(iteration: int, config: TrainConfig) -> float:
    """The learning rate of the step after `iteration` steps."""
    return poly_rate(
        iteration,
        base=config.learning_rate,
        iterations=config.iterations,
        power=config.power,
        warmup=config.warmup,
    )


def train_step(
    state: TrainingState,
    config: TrainConfig,
    *,
    batch: Batch,
    rate: float,
    loss_function: SegmentationLoss | CustomLoss,
    device: torch.device,
    replicas: Replicas = SINGLE_PROCESS,
) -> Tensor:
    """Do one update of the weights; returns the loss, still on the device.

    Every part of the batch is weighted by its share of the labelled pixels, so that the sum is the mean over the whole
    batch, of which every replica has its rows.
    """
    # Dropout is a function of seed, iteration and replica, like the data: a resumed run repeats an undisturbed one.
    torch.manual_seed(((config.seed + replicas.rank * _SEED_STEP) % 2**32 << 32) + state.iteration)
    set_rate(state.optimizer, rate)
    images = batch.images.to(device, non_blocking=True, memory_format=torch.channels_last)
    labels = batch.labels.to(device, non_blocking=True)
    state.optimizer.zero_grad(set_to_none=True)
    labelled = (labels != loss_function.ignore).sum()
    replicas.all_reduce_sum([labelled])
    parts = zip(images.chunk(config.accumulate), labels.chunk(config.accumulate), strict=True)
    losses = [
        _backward(state, config, *part, loss_function=loss_function, labelled=labelled.clamp(min=1)) for part in parts
    ]
    loss = torch.stack(losses).sum()
    gradients = [parameter.grad for parameter in state.model.parameters() if parameter.grad is not None]
    replicas.all_reduce_sum(
        [loss, *gradients]
    )  # before the loss scale looks for infinities, so that all replicas find the same
    state.scaler.step(state.optimizer)
    state.scaler.update()
    if state.average:
        state.average.update(state.model, step=state.iteration)
    state.iteration += 1
    return loss


def _backward(
    state: TrainingState,
    config: TrainConfig,
    images: UInt8[Tensor, "b c h w"],
    labels: Integer[Tensor, "b h w"],
    *,
    loss_function: SegmentationLoss | CustomLoss,
    labelled: Integer[Tensor, ""],
) -> Float[Tensor, ""]:
    """Add the gradients of a part of a batch with `labelled` labelled pixels; returns the part's share of the loss."""
    with torch.autocast(
        images.device.type, AUTOCAST_DTYPES.get(config.precision), enabled=config.precision in AUTOCAST_DTYPES
    ):
        logits = state.model(images)
    share = (labels != loss_function.ignore).sum() / labelled
    loss = loss_function(state.model, logits, labels, iteration=state.iteration) * share
    state.scaler.scale(loss).backward()
    return loss.detach()
