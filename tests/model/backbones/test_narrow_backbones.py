"""Backbones of other widths than the papers': channels and parameters by hand."""

from dataclasses import replace

import pytest
import torch

from atrous.errors import InputError
from atrous.model.build import build_backbone
from atrous.model.config import ResNetConfig, XceptionConfig
from atrous.model.presets import PRESETS


def narrow(name, multiplier):
    config = PRESETS[name]
    return build_backbone(replace(config, backbone=replace(config.backbone, depth_multiplier=multiplier)))


def test_quarter_of_a_resnet():
    """Widths 16, 32, 64 and 128, outputs of four times as many, a stem of 16, 16 and 32 channels."""
    backbone = narrow("deeplabv3_resnet50_beta", 0.25)
    assert (backbone.low_channels, backbone.middle_channels, backbone.high_channels) == (64, 128, 512)
    stem = 9 * (3 * 16 + 16 * 16 + 16 * 32) + 2 * (16 + 16 + 32)
    units, channels = 0, 32
    for width, count in zip((16, 32, 64, 128), (3, 4, 6, 3), strict=True):
        for _ in range(count):
            units += channels * width + 9 * width * width + 4 * width * width + 2 * (2 * width + 4 * width)
            if channels != 4 * width:
                units += channels * 4 * width + 2 * 4 * width
            channels = 4 * width
    assert sum(parameter.numel() for parameter in backbone.parameters()) == stem + units


def test_half_of_an_xception():
    """Widths are halved; half of 728 is 364, which is rounded to 368."""
    backbone = narrow("deeplabv3plus_xception41", 0.5).eval()
    assert (backbone.low_channels, backbone.middle_channels, backbone.high_channels) == (128, 368, 1024)
    with torch.no_grad():
        found = backbone(torch.zeros(1, 3, 33, 33))
    assert [tuple(map_.shape[1:]) for map_ in (found.low, found.middle, found.high)] == [
        (128, 9, 9), (368, 5, 5), (1024, 3, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("config", [ResNetConfig, XceptionConfig])
def test_impossible_widths(config):
    with pytest.raises(InputError, match=r"depth multiplier 0\.001 is out of range"):
        config(depth_multiplier=0.001)
