"""Deviations of a run from the papers' protocol, listed before it starts.

The protocol is DeepLabv3, section 4.1, completed by the official code where the paper states nothing. The effects are
the paper's own figures: Tables 8 and 9, PASCAL VOC, mIoU in percent.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from atrous.data.dataset import DataSet
from atrous.data.transforms.scale_crop import PAPER_SCALES
from atrous.model.config import ResNetConfig
from atrous.training.config import TrainConfig

PAPER_BATCH, PAPER_CROP, PAPER_RATE, PAPER_MOMENTUM = 16, (513, 513), 0.007, 0.0003
BATCH_TABLE = {4: 64.43, 8: 75.76, 12: 76.49, 16: 77.21}
"""MIoU by batch size (DeepLabv3, Table 9)."""


@dataclass(frozen=True)
class Deviation:
    """One setting in which a run differs from the papers' protocol.

    Attributes:
        setting: Name of the setting.
        here: Value in this run.
        paper: Value in the papers.
        effect: Measured or expected effect of the difference; may be empty.
    """

    setting: str
    here: str
    paper: str
    effect: str = ""

    def __str__(self) -> str:
        """Return the deviation as one short line."""
        return f"{self.setting}: {self.here}; paper: {self.paper}" + (f" ({self.effect})" if self.effect else "")


def deviations(config: TrainConfig, data: DataSet, *, second: bool = False) -> tuple[Deviation, ...]:
    """All deviations of a training stage from the papers' protocol, the most important first.

    Args:
        config: Settings of the stage.
        data: Training data.
        second: True for the second stage, which starts from the first.
    """
    found = [*_norms(config, second=second), *_crops(config, about=data.describe())]
    if not second and not (config.weights or config.backbone_weights):
        found.append(Deviation("start", "random weights", "ImageNet", "needs a far longer run"))
    found += [*_schedule(config, second=second), *_extras(config)]
    if second and config.sampling.hard_copies == 1:
        found.append(Deviation("bootstrapping", "none", "images with hard classes are duplicated"))
    return tuple(found)


def _norms(config: TrainConfig, *, second: bool) -> Iterator[Deviation]:
    stride, seen = config.model.output_stride, config.batch_size // config.accumulate
    expected_stride = 8 if second else 16
    if stride != expected_stride:
        yield Deviation("output stride", str(stride), str(expected_stride))
    if config.norms != "trained":
        if not second:
            yield Deviation("batch norm", config.norms, "trained in the first stage", "Table 8: 75.95 for 77.21")
        elif config.norms == "fixed":
            yield Deviation("batch norm", "fixed", "frozen", "scale and shift went on learning in the official code")
        return
    if second:
        yield Deviation("batch norm", "trained", "frozen in the second stage")
    elif stride < 16:
        yield Deviation("batch norm", f"trained at output stride {stride}", "trained at 16, frozen at 8")
    if seen < PAPER_BATCH:
        of = next(size for size in (16, 12, 8, 4) if size <= max(seen, 4))
        yield Deviation(
            "crops that batch norm sees at once", str(seen), str(PAPER_BATCH), f"Table 9: {BATCH_TABLE[of]} for 77.21"
        )
    if config.norm_momentum != PAPER_MOMENTUM:
        yield Deviation("norm momentum", f"{config.norm_momentum:g}", f"{PAPER_MOMENTUM:g}")


def _crops(config: TrainConfig, *, about: Mapping[str, Any]) -> Iterator[Deviation]:
    name, split = about.get("name"), about.get("split")
    if name == "PASCAL VOC 2012" and split == "train":
        yield Deviation("data", "train, without SBD", "trainaug", "1464 images for 10582")
    crop = (769, 769) if name == "Cityscapes" else PAPER_CROP
    if config.crop != crop:
        effect = "Table 8: 67.22 for 77.21 at 321" if max(config.crop) <= 321 and crop == PAPER_CROP else ""
        yield Deviation("crop", "{}x{}".format(*config.crop), "{}x{}".format(*crop), effect)
    if config.scales != PAPER_SCALES:
        yield Deviation("scales", " ".join(f"{scale:g}" for scale in config.scales), "0.5 to 2 in steps of 0.25")
    if config.flip_probability != 0.5:
        yield Deviation("flip", f"{config.flip_probability:g}", "0.5")


def _schedule(config: TrainConfig, *, second: bool) -> Iterator[Deviation]:
    rate = 0.001 if second else PAPER_RATE
    decay = 1e-4 if isinstance(config.model.backbone, ResNetConfig) else 4e-5
    settings = {
        "batch size": (config.batch_size, PAPER_BATCH),
        "iterations": (config.iterations, 30000),
        "learning rate": (config.learning_rate, rate),
        "power": (config.power, 0.9),
        "head rate": (config.head_rate, 1.0),
        "momentum": (config.momentum, 0.9),
        "weight decay": (config.weight_decay, decay),
    }
    for setting, (here, paper) in settings.items():
        if here != paper:
            yield Deviation(setting, f"{here:g}", f"{paper:g}")


def _extras(config: TrainConfig) -> Iterator[Deviation]:
    loss = config.loss
    if loss.labels == "coarse":
        yield Deviation("labels", "shrunk to the logits", "full, logits upsampled", "Table 8: 76.01 for 77.21")
    extras = {
        "warm-up": (config.warmup, f"{config.warmup} steps"),
        "patience": (config.patience, f"may end early, after {config.patience} validations"),
        "class weights": (loss.class_balance, f"exponent {loss.class_balance:g}"),
        "class weights of a file": (loss.class_weights, str(loss.class_weights)),
        "logit adjustment": (
            config.logit_adjustment and loss.class_balance,
            f"{config.logit_adjustment:.0%} of the class weights are taken back out of what is saved",
        ),
        "label smoothing": (loss.label_smoothing, f"{loss.label_smoothing:g}"),
        "hard pixels": (loss.hard_pixels < 1, f"{loss.hard_pixels:.0%} after {loss.hard_pixel_steps} steps"),
        "Dice loss": (loss.dice, f"weight {loss.dice:g}"),
        "Lovasz loss": (loss.lovasz, f"weight {loss.lovasz:g}"),
        "moving average": (config.ema_decay, f"decay {config.ema_decay:g}"),
        "colour jitter": (config.jitter, f"{config.jitter:g}"),
        "exposure, blur and noise": (config.degradation, f"{config.degradation:g}"),
        "crops around classes": (config.sampling.class_crops, f"{config.sampling.class_crops:.0%}"),
        "running statistics": (config.norm_images, f"of {config.norm_images} crops at each validation"),
        "arithmetic": (config.precision != "float32", config.precision),
    }
    for setting, (there, here) in extras.items():
        if there:
            yield Deviation(setting, here, "float32" if setting == "arithmetic" else "none")
