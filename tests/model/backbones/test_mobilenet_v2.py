from dataclasses import replace

import numpy as np
import pytest
import torch

from atrous.model.backbones.mobilenet_v2 import MobileNetV2, rounded_channels, scaled_channels
from atrous.model.conventions import TENSORFLOW
from reference.networks import Reference
from reference.weights import arrays, randomize, uniform

# papers.md, section 5.2: strides and rates of layer_2 .. layer_18.
PLANS = {
    4: [(1, 1), (2, 1), (1, 1), (1, 1), (1, 2), (1, 2), (1, 2), *[(1, 4)] * 7, *[(1, 8)] * 3],
    8: [(1, 1), (2, 1), (1, 1), (2, 1), (1, 1), (1, 1), (1, 1), *[(1, 2)] * 7, *[(1, 4)] * 3],
    16: [(1, 1), (2, 1), (1, 1), (2, 1), (1, 1), (1, 1), (2, 1), *[(1, 1)] * 7, *[(1, 2)] * 3],
    32: [(1, 1), (2, 1), (1, 1), (2, 1), (1, 1), (1, 1), (2, 1), *[(1, 1)] * 6, (2, 1), *[(1, 1)] * 3],
}


@pytest.mark.parametrize("output_stride", PLANS)
def test_plan(output_stride):
    backbone = MobileNetV2(conventions=TENSORFLOW, output_stride=output_stride, depth_multiplier=0.1)
    assert [unit.name for unit in backbone.planned] == [f"layer_{number}" for number in range(2, 19)]
    assert [(unit.stride, unit.rate) for unit in backbone.planned] == PLANS[output_stride]
    assert [(unit.depthwise.stride, unit.depthwise.rate) for unit in backbone.units] == PLANS[output_stride]
    assert backbone.planned[-1].output_stride == output_stride
    assert [(unit.name, unit.stride, unit.output_stride) for unit in backbone.entry] == [("stem", 2, 2)]


def test_channels_at_multiplier_1():
    backbone = MobileNetV2(conventions=TENSORFLOW)
    assert backbone.stem.conv.out_channels == 32
    assert [unit.project.conv.out_channels for unit in backbone.units] == [
        16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320,
    ]  # fmt: skip
    assert (backbone.low_channels, backbone.middle_channels, backbone.high_channels) == (144, 192, 320)


@pytest.mark.parametrize(
    ("multiplier", "divisor", "widths"),
    [
        (0.5, None, [16, 8, 12, 16, 32, 48, 80, 160]),  # papers.md, section 5.2: DeepLab's rule
        (0.5, 8, [16, 8, 16, 16, 32, 48, 80, 160]),  # ImageNet's: 12 becomes 16
        (0.35, 8, [16, 8, 8, 16, 24, 32, 56, 112]),  # 11.2, 5.6, 8.4, 11.2 (8 is below 90 %), 22.4, 33.6
        (1.4, 8, [48, 24, 32, 48, 88, 136, 224, 448]),  # 44.8, 22.4, 33.6, 44.8, 89.6, 134.4
    ],
)  # fmt: skip
def test_rounding_of_channels(multiplier, divisor, widths):
    scaled = [
        scaled_channels(width, depth_multiplier=multiplier, divisor=divisor)
        for width in (32, 16, 24, 32, 64, 96, 160, 320)
    ]
    assert scaled == widths


def test_rounding_never_loses_more_than_a_tenth_nor_everything():
    assert rounded_channels(1.0, divisor=8) == 8
    assert rounded_channels(11.2, divisor=8) == 16
    assert rounded_channels(0.2, divisor=1) == 1
    assert rounded_channels(2.5, divisor=1) == 3  # half rounds up, as int(v + 1/2) does


def test_expansion_is_rounded_to_8_of_the_real_input():
    backbone = MobileNetV2(conventions=TENSORFLOW, depth_multiplier=0.5)
    # 6 x 8 = 48; 6 x 12 = 72; 6 x 16 = 96
    assert [unit.expand.conv.out_channels for unit in backbone.units[1:5]] == [48, 72, 72, 96]
    assert backbone.low_channels == 72


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize(("output_stride", "size"), [(8, (49, 34)), (16, (33, 50)), (32, (66, 33))])
def test_network(output_stride, size, padding, training):
    conventions = replace(TENSORFLOW, conv_padding=padding)
    backbone = randomize(MobileNetV2(conventions=conventions, output_stride=output_stride, depth_multiplier=0.25))
    image = uniform(2, 3, *size)
    reference = Reference(arrays(backbone), epsilon=1e-3, padding=padding, training=training)
    low, middle, high = reference.mobilenet_v2(image.numpy(), PLANS[output_stride])
    backbone.train(training)
    features = backbone(image)
    np.testing.assert_allclose(features.low.detach().numpy(), low, atol=1e-9)
    np.testing.assert_allclose(features.middle.detach().numpy(), middle, atol=1e-9)
    np.testing.assert_allclose(features.high.detach().numpy(), high, atol=1e-9)


@pytest.mark.parametrize(("coarse", "fine"), [(32, 16), (16, 8), (8, 4)])
def test_atrous_consistency(coarse, fine):
    """Features at the finer stride, subsampled, are those at the coarser one: same filters over a denser grid."""
    backbone = randomize(MobileNetV2(conventions=replace(TENSORFLOW, conv_padding="symmetric"), output_stride=coarse))
    image = uniform(1, 3, 65, 97)
    with torch.no_grad():
        sparse = backbone(image)
        backbone.plan(output_stride=fine)
        dense = backbone(image)
    torch.testing.assert_close(dense.high[..., ::2, ::2], sparse.high, rtol=0, atol=1e-10)
    assert torch.equal(dense.low, sparse.low)


def test_a_unit_that_gives_up_its_stride_gets_no_shortcut():
    """Widths rounded to 64 make layer_5 (24 -> 32 channels) as wide as its input, yet it strides in the classifier."""
    backbone = MobileNetV2(conventions=TENSORFLOW, channel_divisor=64, output_stride=4)
    layer_5 = backbone.units[3]
    assert layer_5.depthwise.stride == 1
    assert layer_5.expand.conv.in_channels == layer_5.project.conv.out_channels == 64
    assert not layer_5.has_shortcut
