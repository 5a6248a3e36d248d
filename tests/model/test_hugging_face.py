"""DeepLabv3 with MobileNetV2 against another implementation with equal weights."""

from dataclasses import replace

import pytest
import torch
from transformers import MobileNetV2Config as TheirConfig
from transformers import MobileNetV2ForSemanticSegmentation

from atrous.model.build import build
from atrous.model.config import MobileNetV2Config
from atrous.model.conventions import TENSORFLOW
from atrous.model.presets import PRESETS
from reference.weights import randomize, uniform

UNIT = {"expand": "expand_1x1", "depthwise": "conv_3x3", "project": "reduce_1x1"}
HEAD = {
    "aspp.branches.image_pooling.project": "conv_pool", "aspp.branches.aspp0": "conv_aspp",
    "aspp.projection.0": "conv_projection",
}  # fmt: skip


def their_name(name):
    """Our name of a layer (without `conv` or `norm`) to theirs."""
    if name in HEAD:
        return f"segmentation_head.{HEAD[name]}"
    if name == "backbone.stem":
        return "mobilenet_v2.conv_stem.first_conv"
    _, _, number, part = name.split(".")
    unit = "conv_stem" if number == "0" else f"layer.{int(number) - 1}"  # they count the first unit to the stem
    return f"mobilenet_v2.{unit}.{UNIT[part]}"


def with_their_weights(model, theirs):
    state = theirs.state_dict()
    ours = {
        "classifier.weight": state["segmentation_head.classifier.convolution.weight"],
        "classifier.bias": state["segmentation_head.classifier.convolution.bias"],
    }
    for name in model.state_dict():
        if name not in ours:
            layer, kind, tensor = name.rsplit(".", 2)
            kind = {"conv": "convolution", "norm": "normalization"}[kind]
            ours[name] = state[f"{their_name(layer)}.{kind}.{tensor}"]
    classification = [key for key in state if key.startswith("mobilenet_v2.conv_1x1.")]
    assert len(ours) + len(classification) == len(state)  # nothing else of theirs is left over
    model.double().load_state_dict(ours)
    return model.eval()


@pytest.mark.parametrize("output_stride", [8, 16, 32])
@pytest.mark.parametrize("multiplier", [1.0, 0.5])
def test_equal_logits_at_odd_and_even_sizes(output_stride, multiplier):
    theirs = MobileNetV2ForSemanticSegmentation(
        TheirConfig(output_stride=output_stride, depth_multiplier=multiplier, num_labels=21)
    )
    randomize(theirs)
    config = replace(
        PRESETS["deeplabv3_mobilenet_v2"],
        backbone=MobileNetV2Config(depth_multiplier=multiplier, channel_divisor=8),
        conventions=replace(TENSORFLOW, fit="none"),
        output_stride=output_stride,
    )
    ours = with_their_weights(build(config), theirs)
    for size in ((65, 65), (64, 64), (63, 50), (47, 96), (33, 34), (1, 1)):
        image = uniform(1, 3, *size, low=0, high=255)
        with torch.no_grad():
            logits, expected = ours(image), theirs((image - 127.5) / 127.5).logits
        assert logits.shape == expected.shape
        assert expected.std() > 0.1  # not a constant that anything would match
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-9)
