from dataclasses import replace

import numpy as np
import pytest
import torch

from atrous.analysis.summary import model_summary
from atrous.model.backbones.mobilenet_v3 import MobileNetV3, SqueezeExcite
from atrous.model.config import MobileNetV3Config, ModelConfig
from atrous.model.conventions import PYTORCH, TENSORFLOW
from reference.networks import Reference
from reference.weights import arrays, randomize, uniform

SYMMETRIC = replace(TENSORFLOW, conv_padding="symmetric")

# arXiv 1905.02244, Tables 1 and 2: strides of the units; from the third (Large) or second (Small) stride on they are
# given up at output stride 8, the last one also at 16.
PLANS = {
    ("large", 4): [(1, 1), (2, 1), (1, 1), (1, 1), (1, 2), (1, 2), (1, 2), *[(1, 4)] * 6, *[(1, 8)] * 2],
    ("large", 8): [(1, 1), (2, 1), (1, 1), (2, 1), (1, 1), (1, 1), (1, 1), *[(1, 2)] * 6, *[(1, 4)] * 2],
    ("large", 16): [(1, 1), (2, 1), (1, 1), (2, 1), (1, 1), (1, 1), (2, 1), *[(1, 1)] * 6, *[(1, 2)] * 2],
    ("large", 32): [(1, 1), (2, 1), (1, 1), (2, 1), (1, 1), (1, 1), (2, 1), *[(1, 1)] * 5, (2, 1), *[(1, 1)] * 2],
    ("small", 4): [(2, 1), (1, 1), (1, 2), (1, 2), *[(1, 4)] * 5, *[(1, 8)] * 2],
    ("small", 8): [(2, 1), (2, 1), (1, 1), (1, 1), *[(1, 2)] * 5, *[(1, 4)] * 2],
    ("small", 16): [(2, 1), (2, 1), (1, 1), (2, 1), *[(1, 1)] * 5, *[(1, 2)] * 2],
    ("small", 32): [(2, 1), (2, 1), (1, 1), (2, 1), *[(1, 1)] * 4, (2, 1), *[(1, 1)] * 2],
}
LAYERS = {"large": 15, "small": 11}


@pytest.mark.parametrize(("variant", "output_stride"), PLANS)
def test_plan(variant, output_stride):
    backbone = MobileNetV3(conventions=TENSORFLOW, variant=variant, output_stride=output_stride, depth_multiplier=0.1)
    expected, count = PLANS[variant, output_stride], LAYERS[variant]
    assert [unit.name for unit in backbone.planned] == [f"layer_{number}" for number in range(2, count + 3)]
    assert [(unit.stride, unit.rate) for unit in backbone.planned] == [*expected, (1, 1)]
    assert [(unit.depthwise.stride, unit.depthwise.rate) for unit in backbone.units] == expected
    assert backbone.planned[-1].output_stride == output_stride
    assert [(unit.name, unit.stride, unit.output_stride) for unit in backbone.entry] == [("stem", 2, 2)]


@pytest.mark.parametrize(
    ("output_stride", "rates"),
    [(16, [1] * 12 + [2] * 3), (8, [1] * 6 + [2] * 6 + [4] * 3), (32, [1] * 15)],
)
def test_torchvision_dilates_the_unit_that_gives_up_its_stride(output_stride, rates):
    """`_mobilenet_v3_conf(dilated=True)` has rate 2 in the last three units."""
    backbone = MobileNetV3(
        conventions=PYTORCH, output_stride=output_stride, unstrided_rate="after", depth_multiplier=0.1
    )
    assert [unit.depthwise.rate for unit in backbone.units] == rates
    backbone.plan(output_stride=16)
    assert [unit.depthwise.rate for unit in backbone.units] == [1] * 12 + [2] * 3


@pytest.mark.parametrize(
    ("variant", "multipliers", "widths", "expansions", "last"),
    [
        ("large", (1.0, 1.0), [16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160],
         [16, 64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672, 672, 960, 960], 960),
        ("small", (1.0, 1.0), [16, 24, 24, 40, 40, 40, 48, 48, 96, 96, 96],
         [16, 72, 88, 96, 240, 240, 120, 144, 288, 576, 576], 576),
        # The official code's segmentation models: 336, 480, 480 of 80 channels, 480; 144, 288, 288 of 48, 288.
        ("large", (1.0, 0.5), [16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 80, 80, 80],
         [16, 64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672, 336, 480, 480], 480),
        ("small", (1.0, 0.5), [16, 24, 24, 40, 40, 40, 48, 48, 48, 48, 48],
         [16, 72, 88, 96, 240, 240, 120, 144, 144, 288, 288], 288),
        # By hand: 12, 18, 30, 60, 84, 120 rounded to 8 without losing a tenth; factors 4, 3, 6, 2.5, 2.3 of the input.
        ("large", (0.75, 1.0), [16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 88, 88, 120, 120, 120],
         [16, 64, 72, 72, 96, 96, 192, 160, 144, 144, 384, 528, 528, 720, 720], 720),
    ],
)  # fmt: skip
def test_widths(variant, multipliers, widths, expansions, last):
    backbone = MobileNetV3(
        conventions=TENSORFLOW, variant=variant, depth_multiplier=multipliers[0], tail_multiplier=multipliers[1]
    )
    assert [unit.project.out_channels for unit in backbone.units] == widths
    assert [unit.depthwise.out_channels for unit in backbone.units] == expansions
    assert backbone.last.out_channels == backbone.high_channels == last
    low, middle = {"large": (2, 5), "small": (0, 2)}[variant]  # layers 4 and 7, 2 and 4 of the official code
    assert (backbone.low_channels, backbone.middle_channels) == (expansions[low], expansions[middle])
    kernels = {"large": [3, 3, 3, 5, 5, 5, 3, 3, 3, 3, 3, 3, 5, 5, 5], "small": [3, 3, 3, *[5] * 8]}
    assert [unit.depthwise.conv.kernel_size[0] for unit in backbone.units] == kernels[variant]


@pytest.mark.parametrize(
    ("variant", "multiplier", "pooled", "classes", "multiply_adds", "parameters"),
    [
        # torchvision's table of weights: parameters to the last one; multiply-adds in units of the last digit.
        ("large", 1.0, 1280, 1000, (217e6, 1e6), (5483032, 0)),
        ("small", 1.0, 1024, 1000, (57e6, 1e6), (2542856, 0)),
        # TensorFlow's table of weights; the layer after pooling is not scaled there.
        ("large", 1.0, 1280, 1001, (217e6, 1e6), (5.4e6, 0.1e6)),
        ("large", 0.75, 1280, 1001, (155e6, 1e6), (4.0e6, 0.05e6)),
        ("small", 0.75, 1024, 1001, (44e6, 1e6), (2.0e6, 0.05e6)),
    ],
)
def test_published_counts_of_the_classifiers(variant, multiplier, pooled, classes, multiply_adds, parameters):
    """At 224x224: ours up to the last convolution, and by hand the two layers after pooling, which have biases."""
    config = ModelConfig(
        MobileNetV3Config(variant=variant, depth_multiplier=multiplier),
        head=None,
        conventions=PYTORCH,
        classes=1,
        output_stride=32,
    )
    found = model_summary(config, size=(224, 224))
    width = MobileNetV3(conventions=PYTORCH, variant=variant, depth_multiplier=multiplier).high_channels
    head = width * pooled + pooled * classes
    backbone = found.parameters - width - 1
    assert backbone + head + pooled + classes == pytest.approx(parameters[0], abs=parameters[1], rel=0)
    assert found.multiply_adds - 49 * width + head == pytest.approx(multiply_adds[0], abs=multiply_adds[1])


@pytest.mark.parametrize("size", [(5, 8), (1, 1)])
def test_squeeze_excite(size):
    gate = randomize(SqueezeExcite(24))
    assert gate.squeeze.out_channels == 8  # 6 rounded to 8
    x = uniform(2, 24, *size, low=-8, high=8)
    state = {f"gate.{name}": array for name, array in arrays(gate).items()}
    np.testing.assert_allclose(gate(x).detach().numpy(), Reference(state).squeeze_excite("gate", x.numpy()), atol=1e-12)


@pytest.mark.parametrize(
    ("variant", "middle_level"),
    [
        ("large", None), ("large", (7, "depthwise")), ("large", (5, "output")), ("large", (5, "depthwise")),
        ("large", (7, "output")), ("small", None), ("small", (3, "output")), ("small", (4, "output")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("output_stride", [4, 16])
def test_middle_features(variant, middle_level, output_stride):
    """The map that numpy gives as the depthwise output or the output of this layer, at output stride 8 (planned: 4)."""
    backbone = randomize(
        MobileNetV3(
            conventions=SYMMETRIC,
            variant=variant,
            middle_level=middle_level,
            output_stride=output_stride,
            depth_multiplier=0.1,
        )
    )
    image = uniform(1, 3, 33, 48)
    reference = Reference(arrays(backbone), epsilon=1e-3)
    _, middle, high = reference.mobilenet_v3(image.numpy(), PLANS[variant, output_stride], middle=middle_level)
    features = backbone(image)
    np.testing.assert_allclose(features.middle.detach().numpy(), middle, atol=1e-9)
    np.testing.assert_allclose(features.high.detach().numpy(), high, atol=1e-9)
    assert backbone.middle_channels == middle.shape[1]
    stride = min(output_stride, 8)
    assert middle.shape[2:] == (-(-33 // stride), -(-48 // stride))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("padding", ["same", "symmetric"])
@pytest.mark.parametrize(("output_stride", "size"), [(8, (49, 34)), (16, (33, 50)), (32, (66, 33))])
@pytest.mark.parametrize("variant", ["large", "small"])
def test_network(variant, output_stride, size, padding, training):
    conventions = replace(TENSORFLOW, conv_padding=padding)
    backbone = randomize(
        MobileNetV3(conventions=conventions, variant=variant, output_stride=output_stride, depth_multiplier=0.25)
    )
    image = uniform(2, 3, *size)
    reference = Reference(arrays(backbone), epsilon=1e-3, padding=padding, training=training)
    expected = reference.mobilenet_v3(image.numpy(), PLANS[variant, output_stride])
    backbone.train(training)
    for found, wanted in zip(backbone(image), expected, strict=True):
        np.testing.assert_allclose(found.detach().numpy(), wanted, atol=1e-9)


@pytest.mark.parametrize("variant", ["large", "small"])
@pytest.mark.parametrize(("coarse", "fine"), [(32, 16), (16, 8), (8, 4)])
def test_atrous_consistency(coarse, fine, variant):
    """Features at the finer stride, subsampled, are those at the coarser one, once squeeze-and-excite is a constant.

    Its means are taken over the map: over the finer grid they are others.
    """
    backbone = randomize(MobileNetV3(conventions=SYMMETRIC, variant=variant, output_stride=coarse))
    for part in backbone.modules():
        if isinstance(part, SqueezeExcite):
            part.excite.weight.data.zero_()
    image = uniform(1, 3, 65, 97)
    with torch.no_grad():
        sparse = backbone(image)
        backbone.plan(output_stride=fine)
        dense = backbone(image)
    torch.testing.assert_close(dense.high[..., ::2, ::2], sparse.high, rtol=0, atol=1e-10)
    assert torch.equal(dense.low, sparse.low)
    step = 2 if fine == 4 else 1
    torch.testing.assert_close(dense.middle[..., ::step, ::step], sparse.middle, rtol=0, atol=1e-10)
