"""A run small enough for tests: a narrow network on a tiny CamVid."""

from dataclasses import replace
from pathlib import Path

import torch

from atrous.data.dataset import DataSet, open_data
from atrous.files import atomic_path
from atrous.model.config import ASPPConfig, DecoderConfig, MobileNetV2Config, ModelConfig
from atrous.training.checkpoint import TrainingState
from atrous.training.config import TrainConfig
from atrous.training.loop import train
from atrous.training.run import Run
from atrous.training.start import fresh_state
from fakes.camvid import fake_camvid

CPU = torch.device("cpu")

MODEL = ModelConfig(
    MobileNetV2Config(depth_multiplier=0.1),
    head=ASPPConfig(aspp_channels=8, separable=True, projection=((1, 8, False),)),
    decoder=DecoderConfig(low_level_channels=4, refinement=((3, 8, True),)),
    classes=11,
)

CONFIG = TrainConfig(
    model=MODEL,
    iterations=6,
    batch_size=2,
    crop=(17, 17),
    norm_momentum=0.5,
    ema_decay=0.9,
    validate_every=2,
    workers=0,
)


def small_data(folder: Path, split: str = "train") -> DataSet:
    """The tiny CamVid, written once per folder."""
    if not (folder / "train.txt").exists():
        fake_camvid(folder)
    return open_data(folder, split=split)


def small_run(
    folder: Path, data: Path, *, config: TrainConfig = CONFIG, stop: int | None = None, device: torch.device = CPU
) -> TrainingState:
    """Train in `folder`, resuming what is there; with `stop`, abandon it right after that validation."""
    training, validation = small_data(data), small_data(data, "val")
    run = Run(folder, settings={"training": config, "data": training.describe()})
    state = fresh_state(config, data=training, device=device)
    run.resume(state)
    for event in train(state, config, data=training, validation=validation, run=run, device=device):
        if stop is not None and event.iteration >= stop and run.state.exists():
            break
    return state


def write_nothing(path: Path, *_: object, **__: object) -> None:
    """Stand in for what draws a page or a picture."""
    with atomic_path(path) as temporary:
        temporary.write_text("drawn")


def changed(**fields: object) -> TrainConfig:
    """The small configuration with other fields."""
    return replace(CONFIG, **fields)  # pyright: ignore[reportArgumentType]
