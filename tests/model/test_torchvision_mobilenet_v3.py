"""DeepLabv3 and Lite R-ASPP on MobileNetV3 against torchvision's logits with equal weights, which were stored once."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from atrous.model.build import build
from atrous.model.presets import PRESETS
from reference.torchvision_mobilenet_v3 import CLASSES, EVERY, HEADS, SIZES, STORED, picture, seeded, their_names


@pytest.fixture(scope="module", params=HEADS)
def stored(request):
    """(preset, shapes of all of torchvision's tensors, its logits by size)."""
    with safe_open(STORED, framework="pt") as file:
        shapes = json.loads(file.metadata()["shapes"])[request.param]
        logits = {size: file.get_tensor(f"{request.param} {size[0]}x{size[1]}") for size in SIZES}
    return request.param, shapes, logits


def with_their_weights(name, shapes):
    model = build(replace(PRESETS[name], classes=CLASSES)).double().eval()
    state = model.state_dict()
    names = their_names(state, model=name)
    # Their gate has no bias, ours one of zeros.
    assert [key for key in names.values() if key not in shapes] == ["classifier.scale.1.bias"] * ("lraspp" in name)
    assert set(shapes) <= set(names.values())  # nothing of theirs is left over
    for ours, theirs in names.items():
        if theirs in shapes:
            state[ours] = torch.from_numpy(seeded(theirs, tuple(shapes[theirs])))
        else:
            state[ours] = torch.zeros_like(state[ours])
        if ours == "aspp.projection.0.conv.weight":
            # They put image pooling last, we first.
            state[ours] = torch.roll(state[ours], 256, dims=1)
    model.load_state_dict(state)
    return model


def test_equal_logits_at_odd_and_even_sizes(stored):
    name, shapes, logits = stored
    model = with_their_weights(name, shapes)
    for size, expected in logits.items():
        with torch.no_grad():
            found = model.logits(torch.from_numpy(picture(size)))[..., ::EVERY, ::EVERY]
        assert expected.std() > 0.1  # not a constant that anything would match
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_the_rate_of_the_unit_that_gives_up_its_stride_matters(stored):
    """So that the test above would notice: with the official code's rates the logits are others."""
    name, shapes, logits = stored
    config = replace(PRESETS[name], classes=CLASSES, backbone=replace(PRESETS[name].backbone, unstrided_rate="before"))
    model = build(config).double().eval()
    model.load_state_dict(with_their_weights(name, shapes).state_dict())
    with torch.no_grad():
        found = model.logits(torch.from_numpy(picture(SIZES[0])))[..., ::EVERY, ::EVERY]
    assert (found - logits[SIZES[0]]).abs().max() > 0.01
