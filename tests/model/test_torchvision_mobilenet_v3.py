"""MobileNetV3 against torchvision's logits for equal weights, stored by `scripts/reference_tensors.py`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from atrous.importers.projects.torchvision_mobilenet_v3_keys import from_torchvision
from atrous.model.build import build
from atrous.model.compatibility import Compatibility
from atrous.model.config import MobileNetV3Config
from atrous.model.preprocess import Preprocess
from atrous.model.presets import PRESETS
from reference.weights import drawn

STORED = Path(__file__).parents[1] / "reference" / "torchvision_mobilenet_v3.safetensors"
SMALL = MobileNetV3Config("small")
DETAILS = Compatibility(middle_level=(3, "output"), unstrided_rate="after")
CONFIGS = {
    "deeplabv3_large": PRESETS["deeplabv3_mobilenet_v3"],
    "lraspp_large": PRESETS["lraspp_mobilenet_v3"],
    "lraspp_small": replace(PRESETS["lraspp_mobilenet_v3"], backbone=SMALL, compatibility=DETAILS),
}
SIZES = {"deeplabv3": ("17x593", "594x18"), "lraspp": ("49x33", "34x50")}


@pytest.fixture(scope="module", params=CONFIGS)
def named(request):
    """(name, model in float64)."""
    name = request.param
    with safe_open(STORED, "pt") as stored:
        shapes = json.loads(stored.metadata()["shapes"])[name]
    theirs = {key: drawn(key, shape) for key, shape in shapes.items()}
    state, skipped = from_torchvision(theirs, variant=CONFIGS[name].backbone.variant)
    assert skipped == tuple(key for key in theirs if key.startswith("aux_classifier."))
    assert len(state) + len(skipped) == len(theirs) + ("lraspp" in name)  # the gate's bias
    with torch.device("meta"):
        model = build(CONFIGS[name])
    model.preprocess = Preprocess(CONFIGS[name].conventions, in_channels=3)
    model.load_state_dict(state, assign=True)  # every name of ours, and none besides
    return name, model.double().eval()


def logits_and_theirs(name, model, *, output_stride, size):
    with safe_open(STORED, "pt") as stored:
        expected = stored.get_tensor(f"{name}/{output_stride}/{size}").double()
    images = (drawn("image", (1, 3, *map(int, size.split("x")))) + 0.5) * 255
    with torch.no_grad():
        return model.replanned(output_stride=output_stride)(images), expected


@pytest.mark.parametrize("output_stride", [16, 32])
def test_equal_logits_at_odd_and_even_sizes(named, output_stride):
    name, model = named
    for size in SIZES[name.partition("_")[0]]:
        logits, expected = logits_and_theirs(name, model, output_stride=output_stride, size=size)
        assert logits.shape == expected.shape
        assert expected.std((2, 3)).mean() > 0.02  # not constants that anything would match
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-6)


def test_the_rate_of_the_unit_that_gives_up_its_stride_would_be_noticed(named):
    name, model = named
    details = replace(model.config.compatibility, unstrided_rate="before")
    other = build(replace(model.config, compatibility=details)).double().eval()
    other.load_state_dict(model.state_dict())
    logits, expected = logits_and_theirs(name, other, output_stride=16, size=SIZES[name.partition("_")[0]][0])
    assert (logits - expected).abs().max() > 0.01
