"""Training protocols by name, each with its source, cost and expected result."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch

from atrous.data.transforms.scale_crop import PAPER_SCALES
from atrous.errors import InputError, did_you_mean
from atrous.model.config import MobileNetV2Config, ModelConfig
from atrous.model.presets import preset
from atrous.training.config import LossConfig, TrainConfig
from atrous.training.fitting import DataFacts, settings_for_data
from atrous.training.imagenet_start import imagenet_start, imagenet_weights
from atrous.training.precision import quick_precision
from atrous.training.stages import SecondStage


@dataclass(frozen=True)
class Recipe:
    """A training protocol.

    Attributes:
        config: Settings of the only or first stage.
        second: Changes in the second stage, if there is one.
        split: Split of the data that the first stage trains on.
        of_papers: True if the protocol is the papers', so that deviations from it are worth a list.
        fit: Chooses settings from the data where the protocol does not fix them; None for a fixed protocol.
        start: The choice of weights to start from and its reason, as users read it; empty where the protocol fixes it.
        name: Its name.
    """

    config: TrainConfig
    second: SecondStage = field(default_factory=SecondStage)
    split: str = "train"
    of_papers: bool = False
    fit: Callable[[TrainConfig, DataFacts], TrainConfig] | None = None
    start: str = ""
    name: str = ""

    def with_model(self, model: ModelConfig) -> "Recipe":
        """Return the recipe with another model; where it chooses the weights to start from, with those that fit it."""
        config = replace(self.config, model=model)
        if not self.start:
            return replace(self, config=config)
        weights = imagenet_weights(model.backbone)
        start = f"starts from {weights}" if weights else "starts from random weights: none are known for this backbone"
        return replace(self, config=replace(config, backbone_weights=weights), start=start)

    def with_device(self, device: torch.device) -> "Recipe":
        """Return the recipe with the quickest precision of a device, where it chooses what the protocol leaves open."""
        return replace(self, config=replace(self.config, precision=quick_precision(device))) if self.start else self


def voc() -> Recipe:
    """PASCAL VOC 2012 as the papers train (DeepLabv3, section 4.1): `trainaug`, then `trainval` at output stride 8.

    Needs ImageNet weights of the network as `--backbone-weights`. Expected of the first stage on val at output stride
    16: 77.21 % mIoU (Table 6; 78.51 at output stride 8, 79.77 with scales and flip); of the second on the test server:
    the paper prints only 85.7 %, after COCO. The second stage has seen val: its validations are no results. Cost in
    the paper: 3.65 days for the first stage on one K80. Batch size and copies of hard images in the second stage are
    not stated in the paper; here 16 crops and one more copy.
    """
    config = TrainConfig(
        model=preset("deeplabv3_resnet101_beta"),
        norm_momentum=0.0003,
        weight_decay=1e-4,
        validate_every=3000,
        workers=_workers(),
    )
    return Recipe(config, SecondStage(second_iterations=30000, second_hard_copies=2), split="trainaug", of_papers=True)


def voc_coco() -> Recipe:
    """`voc` from a network trained on COCO, by `--weights runs/coco/last.safetensors`, at 0.0001 in both stages.

    Source: DeepLabv3, section 4.2. Expected of the first stage on val at output stride 8 with scales and flip: 82.70 %
    mIoU (Table 6); of the second on the test server 85.7 % (Table 7). Cost as `voc`.
    """
    start = voc()
    second = replace(start.second, second_learning_rate=0.0001)
    return replace(start, config=replace(start.config, learning_rate=0.0001), second=second)


def coco() -> Recipe:
    """COCO with VOC's classes, to start `voc-coco` from; images that show more than 1000 pixels of them, about 60000.

    Source: DeepLabv3, section 4.2; steps from its first author's remark that 300000 are enough. Expected: no figure in
    print. Cost: ten times the first stage of `voc`.
    """
    return Recipe(replace(voc().config, iterations=300000, validate_every=30000), of_papers=True)


def cityscapes() -> Recipe:
    """Cityscapes, 2975 fine images, 19 classes: 90000 steps of 769x769 crops at 0.01.

    Source: DeepLabv3, appendix C, and DeepLabv3+, section 4.4; the rate is its first author's remark. Expected on val:
    78.79 % mIoU at output stride 16, 80.42 % at 8 with scales 0.75, 1, 1.25 and flip (official model zoo, Xception-65
    from ImageNet weights, `--backbone-weights`). Cost: about seven times the first stage of `voc` in pixels.
    """
    config = TrainConfig(
        model=preset("deeplabv3plus_xception65"),
        iterations=90000,
        crop=(769, 769),
        learning_rate=0.01,
        norm_momentum=0.0003,
        validate_every=9000,
        workers=_workers(),
    )
    return Recipe(config, of_papers=True)


def ade20k() -> Recipe:
    """ADE20K, 20210 images, 150 classes: 150000 steps of 513x513 crops.

    Source: the official code's document on ADE20K, which also resizes images to 513 pixels; here they keep their size.
    Expected on val at output stride 8 with scales and flip: 45.65 % mIoU (official model zoo, Xception-65 from ImageNet
    weights, `--backbone-weights`). Cost: five times the first stage of `voc`.
    """
    config = TrainConfig(
        model=preset("deeplabv3plus_xception65"),
        iterations=150000,
        norm_momentum=0.0003,
        validate_every=15000,
        workers=_workers(),
    )
    return Recipe(config, of_papers=True)


def camvid() -> Recipe:
    """CamVid, 360x480, 11 classes, from ImageNet weights; settings chosen on the held-out sequence 0006R0.

    Measured on val: 0.723 mIoU at output stride 16, 0.739 with three scales and flip.
    Cost: some three hours on two cores.
    """
    config = TrainConfig(
        model=preset("deeplabv3plus_mobilenet_v2"),
        iterations=6000,
        batch_size=8,
        crop=(321, 321),
        learning_rate=0.07,
        warmup=100,
        norm_momentum=0.02,
        scales=(0.75, 1.0, 1.25, 1.5, 1.75, 2.0),
        jitter=0.2,
        loss=LossConfig(class_balance=0.4),
        ema_decay=0.998,
        backbone_weights="mobilenet_v2_imagenet",
        precision="bfloat16",
        validate_every=1000,
        workers=1,
    )
    return Recipe(config)


def finetune() -> Recipe:
    """A user's own folder, from ImageNet weights: `camvid` with the papers' scales, the rest chosen from the data.

    The network is EfficientNet-Lite0 where its weights are installed, else MobileNetV2 (`training/imagenet_start.py`);
    the rule for iterations, crop and validations is in `training/fitting.py`. Cost with MobileNetV2: under 15 minutes
    on two cores for a few dozen images of 480x360, at 1.3 seconds a step in bfloat16, which is used where the
    device has its instructions, and a tenth more for logits at output stride 2, which came later. They follow the
    outlines of thin and rare things, which are not painted too large because half of the class weights is taken back
    out of the logits. A run that resumes keeps its network, weights, precision and this share.
    """
    start = imagenet_start()
    model = preset(start.preset)
    assert model.decoder is not None
    model = replace(model, decoder=replace(model.decoder, fine_channels=48))
    weights = imagenet_weights(model.backbone)
    config = replace(
        camvid().config,
        model=model,
        backbone_weights=weights,
        iterations=1050,
        scales=PAPER_SCALES,
        logit_adjustment=0.5,
        precision=quick_precision(),
        workers=_workers(),
    )
    return Recipe(config, fit=settings_for_data, start=f"starts from {weights}: {start.reason}")


def scenes() -> Recipe:
    """The generated scenes of `atrous demo` without ImageNet weights. Cost: about two minutes on two cores."""
    model = preset("deeplabv3plus_mobilenet_v2")
    config = TrainConfig(
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
    return Recipe(config)


RECIPES: Mapping[str, Callable[[], Recipe]] = {
    "ade20k": ade20k,
    "camvid": camvid,
    "cityscapes": cityscapes,
    "coco": coco,
    "finetune": finetune,
    "scenes": scenes,
    "voc": voc,
    "voc-coco": voc_coco,
}


def recipe(name: str) -> Recipe:
    """Return the recipe of a name.

    Raises:
        InputError: If there is no such recipe; the message has the most similar name, or lists all.
    """
    if name not in RECIPES:
        raise InputError(f"unknown recipe {name!r}; {did_you_mean(name, RECIPES)}")
    return replace(RECIPES[name](), name=name)


def _workers() -> int:
    """Default number of loading processes: half of the processors, 1 to 8. No result depends on it."""
    return min(max((os.cpu_count() or 2) // 2, 1), 8)
