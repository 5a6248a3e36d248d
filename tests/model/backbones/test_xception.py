from dataclasses import replace

import numpy as np
import pytest
import torch

from atrous.model.atrous import AtrousConv
from atrous.model.backbones.units import Subsample
from atrous.model.backbones.xception import ExitUnit, Xception, XceptionUnit
from atrous.model.conventions import TENSORFLOW
from reference.networks import Reference
from reference.weights import arrays, randomize, uniform

OFFICIAL = replace(TENSORFLOW, conv_padding="symmetric")

# papers.md, section 4.2: (stride, rate) of entry flow, one unit of the middle flow, and exit flow.
PLANS = {
    4: ([(2, 1), (1, 1), (1, 2)], (1, 4), [(1, 4), (1, 8)]),
    8: ([(2, 1), (2, 1), (1, 1)], (1, 2), [(1, 2), (1, 4)]),
    16: ([(2, 1), (2, 1), (2, 1)], (1, 1), [(1, 1), (1, 2)]),
    32: ([(2, 1), (2, 1), (2, 1)], (1, 1), [(2, 1), (1, 1)]),
}
LONG_ENTRIES = {
    4: [(2, 1), (1, 1), (1, 1), (1, 2), (1, 2)],
    8: [(2, 1), (1, 1), (2, 1), (1, 1), (1, 1)],
    16: [(2, 1), (1, 1), (2, 1), (1, 1), (2, 1)],
    32: [(2, 1), (1, 1), (2, 1), (1, 1), (2, 1)],
}


def plan_of(depth, output_stride):
    entry, middle, leaving = PLANS[output_stride]
    return [
        *(LONG_ENTRIES[output_stride] if depth == 71 else entry),
        *[middle] * (8 if depth == 41 else 16),
        *leaving,
    ]


@pytest.fixture(scope="module")
def xception():
    """Xception-41 with random weights."""
    return randomize(Xception(conventions=OFFICIAL, depth=41))


@pytest.mark.parametrize("output_stride", [4, 8, 16, 32])
@pytest.mark.parametrize("depth", [41, 65, 71])
def test_plan(depth, output_stride):
    with torch.device("meta"):
        backbone = Xception(conventions=OFFICIAL, depth=depth, output_stride=output_stride)
    expected = plan_of(depth, output_stride)
    assert [(unit.stride, unit.rate) for unit in backbone.planned] == expected
    for unit, (stride, rate) in zip((*backbone.units, backbone.last), expected, strict=True):
        convolutions = [unit.separable1.depthwise, unit.separable2.depthwise, unit.separable3.depthwise]
        assert [(conv.stride, conv.rate) for conv in convolutions] == [(1, rate), (1, rate), (stride, rate)]
    assert [unit.shortcut.stride for unit in backbone.units] == [stride for stride, _ in expected[:-1]]
    assert [(unit.name, unit.stride, unit.output_stride) for unit in backbone.entry] == [
        ("conv1_1", 2, 2), ("conv1_2", 1, 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("depth", "entry"), [(41, [128, 256, 728]), (65, [128, 256, 728]), (71, [128, 256, 256, 728, 728])]
)
def test_layers_and_channels(depth, entry):
    """The depth counts stem and separable convolutions; papers.md, section 4.2, gives the channels."""
    with torch.device("meta"):
        backbone = Xception(conventions=OFFICIAL, depth=depth, in_channels=5)
    units = [*backbone.units, backbone.last]
    assert 2 + 3 * len(units) == depth
    widths = [
        tuple(part.pointwise.out_channels for part in (unit.separable1, unit.separable2, unit.separable3))
        for unit in units
    ]
    middle = [(728,) * 3] * (8 if depth == 41 else 16)
    assert widths == [*((width,) * 3 for width in entry), *middle, (728, 1024, 1024), (1536, 1536, 2048)]
    projected = [isinstance(unit.shortcut, AtrousConv) for unit in backbone.units]
    assert projected == [True] * len(entry) + [False] * len(middle) + [True]
    assert backbone.conv1_1.conv.weight.shape == (32, 5, 3, 3)
    assert backbone.conv1_2.conv.weight.shape == (64, 32, 3, 3)
    assert (backbone.low_channels, backbone.middle_channels, backbone.high_channels) == (256, 728, 2048)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_network(xception, output_stride):
    xception.plan(output_stride=output_stride)
    image = uniform(1, 3, 34, 47)
    reference = Reference(arrays(xception), epsilon=1e-3)
    low, middle, high = reference.xception(image.numpy(), plan_of(41, output_stride), taps=(1, 2))
    features = xception(image)
    np.testing.assert_allclose(features.low.detach().numpy(), low, atol=1e-9)
    np.testing.assert_allclose(features.middle.detach().numpy(), middle, atol=1e-9)
    np.testing.assert_allclose(features.high.detach().numpy(), high, atol=1e-9)


def test_longer_entry_flow_is_tapped_in_its_third_and_fifth_unit():
    backbone = randomize(Xception(conventions=OFFICIAL, depth=71))
    image = uniform(1, 3, 33, 20)
    low, middle, high = Reference(arrays(backbone), epsilon=1e-3).xception(image.numpy(), plan_of(71, 16), taps=(2, 4))
    features = backbone(image)
    assert (low.shape, middle.shape) == ((1, 256, 9, 5), (1, 728, 5, 3))
    np.testing.assert_allclose(features.low.detach().numpy(), low, atol=1e-9)
    np.testing.assert_allclose(features.middle.detach().numpy(), middle, atol=1e-9)
    np.testing.assert_allclose(features.high.detach().numpy(), high, atol=1e-9)


@pytest.mark.parametrize("coarse", [32, 16, 8])
def test_atrous_consistency(xception, coarse):
    """Features at the finer stride, subsampled, are those at the coarser one: same filters over a denser grid."""
    image = uniform(1, 3, 65, 33)
    with torch.no_grad():
        xception.plan(output_stride=coarse)
        sparse = xception(image)
        xception.plan(output_stride=coarse // 2)
        dense = xception(image)
    torch.testing.assert_close(dense.high[..., ::2, ::2], sparse.high, rtol=0, atol=1e-9)
    assert torch.equal(dense.low, sparse.low)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize(("projected", "stride", "rate"), [(True, 1, 1), (True, 2, 1), (True, 1, 3), (False, 1, 2)])
def test_unit(projected, stride, rate, padding, training):
    conventions = replace(OFFICIAL, conv_padding=padding)
    shortcut = AtrousConv(4, 4, epsilon=1e-3) if projected else Subsample(1)
    unit = randomize(XceptionUnit(4, (3, 5, 4), shortcut, conventions=conventions))
    unit.plan(stride=stride, rate=rate)
    x = uniform(2, 4, 7, 6)
    state = {f"unit.{name}": array for name, array in arrays(unit).items()}
    reference = Reference(state, epsilon=1e-3, padding=padding, training=training)
    expected, tapped = reference.xception_unit("unit", x.numpy(), stride=stride, rate=rate)
    unit.train(training)
    np.testing.assert_allclose(unit(x).detach().numpy(), expected, atol=1e-12)
    np.testing.assert_allclose(unit.first_half(x).detach().numpy(), tapped, atol=1e-12)


@pytest.mark.parametrize("training", [False, True])
def test_last_unit_has_a_relu_after_every_convolution(training):
    unit = randomize(ExitUnit(4, (3, 5, 2), conventions=OFFICIAL))
    unit.plan(stride=1, rate=2)
    x = uniform(2, 4, 7, 6)
    reference = Reference(arrays(unit), epsilon=1e-3, training=training)
    expected = x.numpy()
    for name in ("separable1", "separable2", "separable3"):
        expected = reference.separable(name, expected, rate=2)
    unit.train(training)
    np.testing.assert_allclose(unit(x).detach().numpy(), expected, atol=1e-12)
