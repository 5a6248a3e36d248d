"""DeepLabv3 with ResNet against torchvision's logits for equal weights, stored by `scripts/reference_tensors.py`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from atrous.importers.projects.torchvision_keys import from_torchvision
from atrous.model.build import build
from atrous.model.config import ASPPConfig
from atrous.model.preprocess import Preprocess
from atrous.model.presets import PRESETS
from reference.weights import drawn

STORED = Path(__file__).parents[1] / "reference" / "torchvision_deeplabv3.safetensors"


@pytest.fixture(scope="module", params=[50, 101])
def model(request):
    depth = request.param
    with safe_open(STORED, "pt") as stored:
        shapes = json.loads(stored.metadata()["shapes"])[f"resnet{depth}"]
    theirs = {name: drawn(name, shape) for name, shape in shapes.items()}
    state, skipped = from_torchvision(theirs, depth=depth)
    assert skipped == tuple(name for name in theirs if name.startswith("aux_classifier."))
    assert len(state) + len(skipped) == len(theirs)
    config = PRESETS[f"deeplabv3_resnet{depth}"]
    config = replace(config, head=ASPPConfig(projection=((1, 256, False), (3, 256, False))))
    with torch.device("meta"):
        model = build(config)
    model.preprocess = Preprocess(config.conventions, in_channels=3)
    model.load_state_dict(state, assign=True)  # every name of ours, and none besides
    return model.double().eval()


@pytest.mark.parametrize("size", [(17, 305), (306, 18)])
@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_equal_logits_at_odd_and_even_sizes(model, output_stride, size):
    name = f"resnet{model.config.backbone.depth}/{output_stride}/{size[0]}x{size[1]}"
    with safe_open(STORED, "pt") as stored:
        expected = stored.get_tensor(name).double()
    with torch.no_grad():
        logits = model.replanned(output_stride=output_stride)((drawn("image", (1, 3, *size)) + 0.5) * 255)
    assert logits.shape == expected.shape
    assert expected.std((2, 3)).mean() > 0.1  # not constants that anything would match
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)
