"""Xception against timm's for equal weights, whose features are stored by `scripts/reference_tensors.py`."""

import json
import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from atrous.model.backbones.xception import Xception
from atrous.model.conventions import TENSORFLOW
from reference.weights import drawn, mixed

STORED = Path(__file__).parents[1] / "reference" / "timm_xception.safetensors"

PARTS = {"conv_dw": "depthwise.conv", "bn_dw": "depthwise.norm", "conv_pw": "pointwise.conv", "bn_pw": "pointwise.norm"}
KINDS = {"conv": "conv", "bn": "norm"}


def our_name(name, *, last):
    """Their name of a tensor to ours, None for the classifier's; `last` is the number of their last block."""
    if name.startswith("head."):
        return None
    if stem := re.fullmatch(r"stem\.([01])\.(conv|bn)\.(\w+)", name):
        return f"conv1_{int(stem[1]) + 1}.{KINDS[stem[2]]}.{stem[3]}"
    block, rest = re.fullmatch(r"blocks\.(\d+)\.(.+)", name).groups()
    unit = "last" if int(block) == last else f"units.{block}"
    if shortcut := re.fullmatch(r"shortcut\.(conv|bn)\.(\w+)", rest):
        return f"{unit}.shortcut.{KINDS[shortcut[1]]}.{shortcut[2]}"
    number, part, tensor = re.fullmatch(r"stack\.conv([123])\.(\w+)\.(\w+)", rest).groups()
    return f"{unit}.separable{number}.{PARTS[part]}.{tensor}"


def xception(depth):
    """Ours with the weights that theirs had; every tensor of either is mapped, or theirs for classification."""
    with safe_open(STORED, "pt") as stored:
        shapes = json.loads(stored.metadata()["shapes"])[f"xception{depth}"]
    with torch.device("meta"):
        backbone = Xception(conventions=replace(TENSORFLOW, conv_padding="symmetric"), depth=depth)
    names = {name: our_name(name, last=len(backbone.units)) for name in shapes}
    assert [name for name, ours in names.items() if ours is None] == ["head.fc.weight", "head.fc.bias"]
    state = {ours: drawn(name, shapes[name]) for name, ours in names.items() if ours is not None}
    assert len(state) == len(shapes) - 2
    backbone.load_state_dict(state, assign=True)
    return backbone.eval()


@pytest.mark.parametrize(("depth", "output_strides"), [(41, [16]), (65, [8, 16, 32]), (71, [16, 32])])
def test_equal_features_at_odd_and_even_sizes(depth, output_strides):
    """The last map, and the decoder's taps, which they take after a ReLU."""
    backbone = xception(depth)
    for output_stride, size in product(output_strides, ((49, 33), (34, 50))):
        backbone.plan(output_stride=output_stride)
        with torch.no_grad():
            low, middle, high = backbone(2 * drawn("image", (1, 3, *size)))
        found = {
            "low": mixed(low.relu(), count=2),
            "middle": mixed(middle.relu(), count=2),
            "high": mixed(high, count=16),
        }
        for name, features in found.items():
            with safe_open(STORED, "pt") as stored:
                expected = stored.get_tensor(f"xception{depth}/{output_stride}/{size[0]}x{size[1]}/{name}").double()
            assert expected.std((2, 3)).mean() > 0.1  # not constants that anything would match
            torch.testing.assert_close(features, expected, rtol=0, atol=float(1e-6 * expected.abs().max()))
