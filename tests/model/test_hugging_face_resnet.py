"""ResNet-50 and -101 in torchvision's striding against another implementation with equal weights."""

import re
from itertools import accumulate

import pytest
import torch
from transformers import ResNetConfig as TheirConfig
from transformers import ResNetModel

from atrous.model.backbones.resnet import ResNet
from atrous.model.backbones.resnet_stem import plain_stem
from atrous.model.conventions import PYTORCH
from reference.weights import randomize, uniform

PARTS = {"layer.0": "reduce", "layer.1": "atrous", "layer.2": "restore", "shortcut": "shortcut"}
KINDS = {"convolution": "conv", "normalization": "norm"}


def our_name(name, *, first_units):
    """Their name of a tensor to ours; `first_units` holds the number of each stage's first unit."""
    layer, kind, tensor = name.rsplit(".", 2)
    if layer == "embedder.embedder":
        return f"stem.{KINDS[kind]}.{tensor}"
    stage, unit, part = re.fullmatch(r"encoder\.stages\.(\d)\.layers\.(\d+)\.(.+)", layer).groups()
    return f"units.{first_units[int(stage)] + int(unit)}.{PARTS[part]}.{KINDS[kind]}.{tensor}"


@pytest.mark.parametrize("depth", [50, 101])
def test_equal_features_at_odd_and_even_sizes(depth):
    depths = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3]}[depth]
    theirs = randomize(ResNetModel(TheirConfig(depths=depths)))  # strides in the 3x3 of a stage's first unit
    first_units = list(accumulate(depths, initial=0))
    state = {our_name(name, first_units=first_units): tensor for name, tensor in theirs.state_dict().items()}
    with torch.device("meta"):
        ours = ResNet(plain_stem(3, conventions=PYTORCH), conventions=PYTORCH, depth=depth, output_stride=32)
    assert len(state) == len(theirs.state_dict())
    ours.load_state_dict(state, assign=True)  # every name of ours, and none besides
    ours.eval()
    for size in ((65, 33), (64, 34), (47, 96), (1, 1)):
        image = uniform(1, 3, *size)
        with torch.no_grad():
            features, expected = ours(image).high, theirs(image).last_hidden_state
        assert features.shape == expected.shape
        assert expected.std() > 0.1  # not a constant that anything would match
        torch.testing.assert_close(features, expected, rtol=0, atol=1e-9)
