"""Builds the initial training state from settings and data."""

import logging
from dataclasses import fields, replace
from pathlib import Path

import torch
from torch import nn
from torch.amp.grad_scaler import GradScaler

from atrous.data.class_weights import read_class_weights
from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.evaluation.evaluate import common_labels
from atrous.importers.unfused_norms import unfold_batch_norms
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.config import ModelConfig
from atrous.model.norm import freeze_norms, norms, set_norm_momentum, synchronize_norms
from atrous.training.aspp_taps import zero_unreached_taps
from atrous.training.average import MovingAverage
from atrous.training.batches import first_images
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig
from atrous.training.optimizer import build_optimizer
from atrous.training.precision import computes_bfloat16
from atrous.training.sampling import class_ids, hard_ids
from atrous.weights.archive import Archive
from atrous.weights.backbone import BACKBONE_DETAILS, load_backbone, read_backbone
from atrous.weights.load import load

_LOGGER = logging.getLogger(__name__)


def fresh_state(
    config: TrainConfig, *, data: DataSet, device: torch.device, fresh: bool = True, before: Path | None = None
) -> TrainingState:
    """Build model (with its initial weights), optimizer, moving average and loss scale.

    A network that starts from no archive has taps of 0 where crops are too small for ASPP (`training/aspp_taps.py`).

    Args:
        config: Settings of the run.
        data: Training data.
        device: Device of model and optimizer.
        fresh: If true, statistics of folded batch norms are computed on training images, and taps set to 0; false is
            for a state that is about to be filled from a run folder.
        before: Archive of the first stage; replaces the `weights` of the settings.

    Raises:
        InputError: If images and model differ in channels, weights cannot be loaded or do not fit, classes do not fit
            the data (`check_classes`), or the device does not have the precision.
    """
    if config.precision == "float16" and device.type != "cuda":
        raise InputError(f"float16 needs a CUDA device, this is {device}; choose --precision bfloat16 or float32")
    if config.precision == "bfloat16" and device.type == "cpu" and not computes_bfloat16():
        _LOGGER.warning("this processor emulates bfloat16, several times slower than --precision float32")
    _check_channels(data, config.model.in_channels)
    check_classes(config, space=data.labels)
    torch.manual_seed(config.seed)
    archive = _archive(before or config.weights, config, data=data)
    backbone = read_backbone(config.backbone_weights, wanted=config.model.backbone) if config.backbone_weights else None
    # Where nothing is trained yet, the network can be built as the backbone's weights need it.
    model = archive.model if archive else build(backbone.adopted(config.model) if backbone else config.model)
    if fresh and archive is None and (rates := zero_unreached_taps(model, crop=config.crop)):
        named = f"rate{'s' * (len(rates) > 1)} {', '.join(map(str, rates))}"
        _LOGGER.warning("ASPP's outer taps at %s start at 0: crops of %dx%d hardly train them", named, *config.crop)
    if backbone:
        load_backbone(model, backbone)
        if fresh and config.unfold_images and _is_folded(model):
            images = first_images(config, model.config.conventions, data=data, count=config.unfold_images)
            unfold_batch_norms(model, images)
    set_norm_momentum(model, config.norm_momentum)
    if config.norms != "trained":
        freeze_norms(model, affine=config.norms == "fixed")
    if config.replicas > 1:
        synchronize_norms(model)
    model = model.to(device).to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    average = MovingAverage(model, decay=config.ema_decay) if config.ema_decay else None
    scaler = GradScaler(device.type, enabled=config.precision == "float16")
    started_from = archive.sha256 if archive else None
    return TrainingState(model, build_optimizer(model, config), average, scaler, started_from)


def check_classes(config: TrainConfig, *, space: LabelSpace) -> None:
    """Check the class names and class weights of the settings against the data.

    Raises:
        InputError: If `space` lacks a named class, or the file of class weights does not fit.
    """
    sampling, weights = config.sampling, config.loss.class_weights
    class_ids(sampling.crop_classes, space=space)
    if sampling.hard_copies > 1:
        hard_ids(sampling, space=space)
    if weights is not None:
        read_class_weights(Path(weights), space=space)


def _archive(path: Path | str | None, config: TrainConfig, *, data: DataSet) -> Archive | None:
    """Load the archive at `path` with the output stride of this run; its conventions and backbone details are kept."""
    if path is None:
        return None
    archive = load(Path(path))
    model, wanted = archive.model, config.model
    other = _first_other(model.config, wanted)
    if other is not None:
        raise InputError(
            f"{path} holds another network than this run's ({other}); "
            f"{_way_to_train(model.config, wanted)}, or take its backbone alone by --backbone-weights"
        )
    common_labels(archive.labels, data.labels)
    model.output_stride = wanted.output_stride
    return archive


def _way_to_train(there: ModelConfig, here: ModelConfig) -> str:
    """Advice how to train the network of a file: by an option, where only logits at output stride 2 differ."""
    if there.decoder is None or here.decoder is None:
        return "train its network"
    like = replace(here, decoder=replace(here.decoder, fine_channels=there.decoder.fine_channels))
    return "train its network" if _first_other(there, like) else f"add --fine-channels {there.decoder.fine_channels}"


def _first_other(there: ModelConfig, here: ModelConfig) -> str | None:
    """The first setting in which two networks differ, except those that are kept; None if there is none."""
    kept = ("conventions", "output_stride", "compatibility", *BACKBONE_DETAILS)
    for one, two in ((there, here), (there.compatibility, here.compatibility)):
        for name in (field.name for field in fields(two) if field.name not in kept):
            if getattr(one, name) != getattr(two, name):
                return f"{name} {getattr(one, name)} there, {getattr(two, name)} here"
    return None


def _check_channels(data: DataSet, in_channels: int) -> None:
    """Compare the channels of the first image with the model; raises InputError if they differ."""
    first = data[0]
    channels = first.image.shape[2]
    if channels != in_channels:
        raise InputError(
            f"{first.name} has {channels} channels, the model takes {in_channels}; train with --in-channels {channels}"
        )


def _is_folded(model: nn.Module) -> bool:
    """Return True if no batch norm has statistics, as in inference files, which fold them into the convolutions."""
    means = [norm.running_mean for norm in norms(model) if norm.running_mean is not None]
    return bool(means) and not any(mean.any() for mean in means)
