"""Training protocols by name: each is a configuration with its source, its cost and what to expect."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from atrous.errors import InputError
from atrous.model.config import MobileNetV2Config
from atrous.model.presets import preset
from atrous.training.config import TrainConfig


def camvid() -> TrainConfig:
    """CamVid, 360x480, 11 classes, from ImageNet weights; settings chosen on the held-out sequence 0006R0."""
    return TrainConfig(
        model=preset("deeplabv3plus_mobilenet_v2"),
        iterations=6000,
        batch_size=8,
        crop=(321, 321),
        learning_rate=0.07,
        warmup=100,
        norm_momentum=0.02,
        scales=(0.75, 1.0, 1.25, 1.5, 1.75, 2.0),
        jitter=0.2,
        class_balance=0.4,
        ema_decay=0.998,
        backbone_weights="mobilenet_v2_imagenet",
        precision="bfloat16",
        validate_every=1000,
        workers=1,
    )


def scenes() -> TrainConfig:
    """The generated scenes of `atrous demo`, from random weights: one to two minutes on two cores."""
    model = preset("deeplabv3plus_mobilenet_v2")
    return TrainConfig(
        model=replace(model, backbone=MobileNetV2Config(depth_multiplier=0.5)),
        iterations=350,
        batch_size=8,
        crop=(129, 129),
        learning_rate=0.25,
        warmup=20,
        scales=(0.75, 1.0, 1.25),
        norm_momentum=0.1,
        ema_decay=0.98,
        validate_every=70,
        workers=0,
    )


def finetune() -> TrainConfig:
    """A folder of one's own: short, from ImageNet weights, the papers' transforms."""
    return replace(
        camvid(), iterations=1500, batch_size=8, crop=(321, 321), scales=TrainConfig.scales, validate_every=500
    )


RECIPES: Mapping[str, Callable[[], TrainConfig]] = {"camvid": camvid, "finetune": finetune, "scenes": scenes}


def recipe(name: str) -> TrainConfig:
    """The configuration of a recipe.

    Raises:
        InputError: If there is none of this name; the message lists them.
    """
    if name not in RECIPES:
        raise InputError(f"unknown recipe {name!r}; known: {', '.join(RECIPES)}")
    return RECIPES[name]()
