"""From a configuration and data to the first state of a run."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from atrous.data.dataset import DataSet
from atrous.data.loader import training_batches
from atrous.errors import InputError
from atrous.model.build import build
from atrous.model.conventions import Conventions
from atrous.model.norm import norms, set_norm_momentum
from atrous.training.augment import training_transforms
from atrous.training.average import MovingAverage
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig
from atrous.training.optimizer import build_optimizer
from atrous.weights.backbone import load_backbone
from atrous.weights.unfolding import unfold_batch_norms


def fresh_state(config: TrainConfig, *, data: DataSet, device: torch.device, unfold: bool = True) -> TrainingState:
    """Model (with backbone weights where the configuration names some), optimiser, average.

    `unfold` False saves the pass over training images that gives folded batch norms their statistics: for a state that
    is about to be filled from a run folder.

    Raises:
        InputError: If the images have other channels than the model, or the backbone weights cannot be had or do not
            fit.
    """
    _check_channels(data, config.model.in_channels)
    torch.manual_seed(config.seed)
    model = build(config.model)
    if config.backbone_weights:
        load_backbone(model, config.backbone_weights)
        if unfold and config.unfold_images and _is_folded(model):
            unfold_batch_norms(model, _images(config, data, conventions=model.config.conventions))
    set_norm_momentum(model, config.norm_momentum)
    model = model.to(device).to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    average = MovingAverage(model, decay=config.ema_decay) if config.ema_decay else None
    return TrainingState(model, build_optimizer(model, config), average)


def _check_channels(data: DataSet, in_channels: int) -> None:
    """Refuse at the start, by the first image, what `ScaleCrop` would refuse in the middle of a run."""
    first = data[0]
    channels = first.image.shape[2]
    if channels != in_channels:
        raise InputError(
            f"{first.name} has {channels} channels, the model takes {in_channels}; train with --in-channels {channels}"
        )


def _is_folded(model: nn.Module) -> bool:
    """Whether no batch norm has statistics: inference files fold them away, and a fresh head has none yet."""
    return not any(norm.running_mean.any() for norm in norms(model) if norm.running_mean is not None)


def _images(config: TrainConfig, data: DataSet, *, conventions: Conventions) -> Iterator[Tensor]:
    """The first training crops, as many as the statistics are taken over."""
    batches = training_batches(
        data,
        training_transforms(config, conventions, ignore=data.labels.ignore),
        batch_size=config.batch_size,
        seed=config.seed,
        start=0,
        stop=-(-config.unfold_images // config.batch_size),
        workers=0,
        cache=False,
    )
    for batch in batches:
        yield batch.images
