from dataclasses import replace

import pytest

from atrous.labels import PASCAL_VOC
from atrous.training.config import LossConfig, SamplingConfig, TrainConfig
from atrous.training.preflight import deviations
from atrous.training.recipes import recipe
from fakes.memory_data import MemoryData


class Described(MemoryData):
    def __init__(self, name: str, split: str) -> None:
        super().__init__(PASCAL_VOC, ())
        object.__setattr__(self, "about", {"name": name, "split": split})

    def describe(self):
        return self.about


VOC = Described("PASCAL VOC 2012", "trainaug")
PAPER = replace(recipe("voc").config, backbone_weights="resnet101.safetensors")


def settings(config: TrainConfig, data=VOC, *, second=False) -> list[str]:
    return [str(found) for found in deviations(config, data, second=second)]


def test_the_papers_protocol_deviates_in_nothing():
    assert settings(PAPER) == []
    assert settings(recipe("voc").second.after(PAPER), Described("PASCAL VOC 2012", "trainval"), second=True) == []


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"batch_size": 8}, "crops that batch norm sees at once: 8; paper: 16 (Table 9: 75.76 for 77.21)"),
        ({"accumulate": 4}, "crops that batch norm sees at once: 4; paper: 16 (Table 9: 64.43 for 77.21)"),
        ({"batch_size": 1}, "crops that batch norm sees at once: 1; paper: 16 (Table 9: 64.43 for 77.21)"),
        ({"batch_size": 14}, "crops that batch norm sees at once: 14; paper: 16 (Table 9: 76.49 for 77.21)"),
        ({"norm_momentum": 0.01}, "norm momentum: 0.01; paper: 0.0003"),
        ({"norms": "frozen"}, "batch norm: frozen; paper: trained in the first stage (Table 8: 75.95 for 77.21)"),
        ({"model": replace(PAPER.model, output_stride=8)}, "output stride: 8; paper: 16"),
        (
            {"model": replace(PAPER.model, output_stride=8)},
            "batch norm: trained at output stride 8; paper: trained at 16, frozen at 8",
        ),
        ({"crop": (321, 321)}, "crop: 321x321; paper: 513x513 (Table 8: 67.22 for 77.21 at 321)"),
        ({"crop": (769, 769)}, "crop: 769x769; paper: 513x513"),
        ({"scales": (1.0,)}, "scales: 1; paper: 0.5 to 2 in steps of 0.25"),
        ({"flip_probability": 0.0}, "flip: 0; paper: 0.5"),
        ({"backbone_weights": None}, "start: random weights; paper: ImageNet (needs a far longer run)"),
        ({"iterations": 15000}, "iterations: 15000; paper: 30000"),
        ({"learning_rate": 0.01}, "learning rate: 0.01; paper: 0.007"),
        ({"head_rate": 10.0}, "head rate: 10; paper: 1"),
        ({"weight_decay": 4e-5}, "weight decay: 4e-05; paper: 0.0001"),
        ({"warmup": 7}, "warm-up: 7 steps; paper: none"),
        ({"patience": 2}, "patience: may end early, after 2 validations; paper: none"),
        ({"loss": LossConfig(class_balance=0.5)}, "class weights: exponent 0.5; paper: none"),
        ({"loss": LossConfig(label_smoothing=0.1)}, "label smoothing: 0.1; paper: none"),
        (
            {"loss": LossConfig(hard_pixels=0.2, hard_pixel_steps=9)},
            "hard pixels: 20% after 9 steps; paper: none",
        ),
        ({"loss": LossConfig(dice=0.5)}, "Dice loss: weight 0.5; paper: none"),
        ({"loss": LossConfig(lovasz=1.0)}, "Lovasz loss: weight 1; paper: none"),
        (
            {"loss": LossConfig(labels="coarse")},
            "labels: shrunk to the logits; paper: full, logits upsampled (Table 8: 76.01 for 77.21)",
        ),
        ({"ema_decay": 0.99}, "moving average: decay 0.99; paper: none"),
        ({"jitter": 0.2}, "colour jitter: 0.2; paper: none"),
        ({"degradation": 0.5}, "exposure, blur and noise: 0.5; paper: none"),
        (
            {"loss": LossConfig(class_balance=0.4), "logit_adjustment": 0.5},
            "logit adjustment: 50% of the class weights are taken back out of what is saved; paper: none",
        ),
        ({"norm_images": 64}, "running statistics: of 64 crops at each validation; paper: none"),
        ({"sampling": SamplingConfig(class_crops=0.5)}, "crops around classes: 50%; paper: none"),
        ({"precision": "bfloat16"}, "arithmetic: bfloat16; paper: float32"),
    ],
)
def test_each_deviation_is_named(fields, line):
    assert line in settings(replace(PAPER, **fields))


def test_data_without_sbd_and_cityscapes_with_another_crop():
    expected = ["data: train, without SBD; paper: trainaug (1464 images for 10582)"]
    assert settings(PAPER, Described("PASCAL VOC 2012", "train")) == expected
    assert "crop: 513x513; paper: 769x769" in settings(PAPER, Described("Cityscapes", "train"))


def test_the_second_stage_is_measured_by_its_own_protocol():
    second = replace(recipe("voc").second, second_hard_copies=1).after(PAPER)
    assert settings(second, second=True) == ["bootstrapping: none; paper: images with hard classes are duplicated"]
    assert "batch norm: trained; paper: frozen in the second stage" in settings(
        replace(second, norms="trained"), second=True
    )
    assert "learning rate: 0.007; paper: 0.001" in settings(replace(second, learning_rate=0.007), second=True)
    assert "output stride: 16; paper: 8" in settings(replace(second, model=PAPER.model), second=True)
