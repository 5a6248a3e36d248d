"""One training step: forward, loss and backward pass, in parts if memory is short, then the update."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Integer, UInt8
from torch import Tensor

from atrous.data.loader import Batch
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig
from atrous.training.loss import CustomLoss, SegmentationLoss
from atrous.training.optimizer import poly_rate, set_rate
from atrous.training.replicas import SINGLE_PROCESS, Replicas
from atrous.training.teacher import Teacher

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


@dataclass(frozen=True)
class StepResult:
    """Result of a step; its tensors are still on the device.

    Attributes:
        loss: Mean loss over the pixels that are labelled or could be taught, in nats.
        confident: Share 0..1 of the pixels that the teacher was asked about at which it is confident; None without a
            teacher.
    """

    loss: Float[Tensor, ""]
    confident: Float[Tensor, ""] | None = None


def train_step(
    state: TrainingState,
    config: TrainConfig,
    *,
    batch: Batch,
    rate: float,
    loss_function: SegmentationLoss | CustomLoss,
    device: torch.device,
    replicas: Replicas = SINGLE_PROCESS,
    teacher: Teacher | None = None,
    unlabelled: Batch | None = None,
) -> StepResult:
    """Do one update of the weights.

    The loss is the sum of the losses of all labelled pixels and of those that the teacher teaches, over the number of
    labelled pixels and of all pixels of unlabelled crops, confident or not: a batch of which the teacher knows little
    has a small loss. Every part of the batch, of which every replica has its rows, adds its share to these sums.

    Args:
        state: State to update.
        config: Settings of the run.
        batch: Labelled crops.
        rate: Learning rate.
        loss_function: Loss of the labelled crops.
        device: Device of the state.
        replicas: Processes that share the batch.
        teacher: Teaches the unlabelled crops, or the labelled pixels if there are none; on the same device.
        unlabelled: Unlabelled crops; their labels say only which pixels are ignored.
    """
    # Dropout is a function of seed, iteration and replica, like the data: a resumed run repeats an undisturbed one.
    torch.manual_seed(((config.seed + replicas.rank * _SEED_STEP) % 2**32 << 32) + state.iteration)
    set_rate(state.optimizer, rate)
    crops = [_on_device(one, device, ignore=loss_function.ignore) for one in (batch, unlabelled) if one is not None]
    state.optimizer.zero_grad(set_to_none=True)
    pixels = torch.stack([one.counted.sum() for one in crops]).sum()
    replicas.all_reduce_sum([pixels])
    parts = zip(*(one.parts(config.accumulate) for one in crops), strict=True)
    sums = [
        _backward(state, config, part, loss_function=loss_function, teacher=teacher, pixels=pixels.clamp(min=1))
        for part in parts
    ]
    loss, confident = (torch.stack(values).sum() for values in zip(*sums, strict=True))
    taught = crops[-1].counted.sum()
    gradients = [parameter.grad for parameter in state.model.parameters() if parameter.grad is not None]
    replicas.all_reduce_sum(
        [loss, confident, taught, *gradients]
    )  # before the loss scale looks for infinities, so that all replicas find the same
    state.scaler.step(state.optimizer)
    state.scaler.update()
    if state.average:
        state.average.update(state.model, step=state.iteration)
    state.iteration += 1
    return StepResult(loss, confident / taught.clamp(min=1) if teacher else None)


@dataclass(frozen=True)
class _Crops:
    """Crops on the device of the model.

    Attributes:
        images: RGB, 0..255.
        labels: Class ids and the ignore value.
        counted: True at the pixels that are not ignored.
    """

    images: UInt8[Tensor, "b c h w"]
    labels: Integer[Tensor, "b h w"]
    counted: Bool[Tensor, "b h w"]

    def parts(self, count: int) -> "list[_Crops]":
        tensors = (self.images.chunk(count), self.labels.chunk(count), self.counted.chunk(count))
        return [_Crops(*part) for part in zip(*tensors, strict=True)]


def _on_device(batch: Batch, device: torch.device, *, ignore: int) -> _Crops:
    images = batch.images.to(device, non_blocking=True, memory_format=torch.channels_last)
    labels = batch.labels.to(device, non_blocking=True)
    return _Crops(images, labels, labels != ignore)


def _backward(
    state: TrainingState,
    config: TrainConfig,
    part: tuple[_Crops, ...],
    *,
    loss_function: SegmentationLoss | CustomLoss,
    teacher: Teacher | None,
    pixels: Integer[Tensor, ""],
) -> tuple[Float[Tensor, ""], Integer[Tensor, ""]]:
    """Add the gradients of a part of a batch; returns its share of the loss, and the number of confident pixels.

    Args:
        state: State whose gradients grow.
        config: Settings of the run.
        part: Labelled crops, and unlabelled ones if there are any.
        loss_function: Loss of the labelled crops.
        teacher: Teaches the last of these crops.
        pixels: Number of pixels of the whole batch that are not ignored.
    """
    labelled, taught = part[0], part[-1]
    images = labelled.images if len(part) == 1 else torch.cat([crops.images for crops in part])
    teacher_logits = None
    with torch.autocast(
        images.device.type, AUTOCAST_DTYPES.get(config.precision), enabled=config.precision in AUTOCAST_DTYPES
    ):
        if teacher is not None:  # first: its feature maps are gone before those of the model come
            teacher_logits = teacher.coarse_logits(taught.images)
        logits = state.model(images)
    share = labelled.counted.sum() / pixels
    rows = len(labelled.labels)
    loss = loss_function(state.model, logits[:rows], labelled.labels, iteration=state.iteration) * share
    confident = torch.zeros_like(pixels)
    if teacher is not None and teacher_logits is not None:
        rows = len(taught.labels)
        distilled, confident = teacher.loss(state.model, logits[-rows:], teacher_logits, taught.counted)
        loss = loss + distilled / pixels
    state.scaler.scale(loss).backward()
    return loss.detach(), confident
