from dataclasses import replace

import numpy as np
import pytest
import torch

from atrous.model.backbones.resnet import MaxPool, ResNet
from atrous.model.backbones.resnet_stem import BetaStem, plain_stem
from atrous.model.backbones.resnet_units import Bottleneck
from atrous.model.backbones.units import Subsample
from atrous.model.conventions import PYTORCH
from reference.networks import Reference
from reference.operations import max_pool
from reference.weights import arrays, randomize, uniform

OFFICIAL = replace(PYTORCH, stride_unit="last", pool_padding="same")

# papers.md, sections 1.2, 1.3 and 5.1: rates of block1 .. block4 of ResNet-50, unit by unit.
OFFICIAL_RATES = {
    4: [[1] * 3, [2] * 4, [4] * 6, [8] * 3],
    8: [[1] * 3, [1] * 4, [2] * 6, [4] * 3],
    16: [[1] * 3, [1] * 4, [1] * 6, [2] * 3],
    32: [[1] * 3, [1] * 4, [1] * 6, [1] * 3],
}
TORCHVISION_RATES = {
    4: [[1] * 3, [1, 2, 2, 2], [2, 4, 4, 4, 4, 4], [4, 8, 8]],
    8: [[1] * 3, [1] * 4, [1, 2, 2, 2, 2, 2], [2, 4, 4]],
    16: [[1] * 3, [1] * 4, [1] * 6, [1, 2, 2]],
    32: [[1] * 3, [1] * 4, [1] * 6, [1] * 3],
}
OFFICIAL_STRIDES = {
    4: [[1] * 3, [1] * 4, [1] * 6, [1] * 3],
    8: [[1, 1, 2], [1] * 4, [1] * 6, [1] * 3],
    16: [[1, 1, 2], [1, 1, 1, 2], [1] * 6, [1] * 3],
    32: [[1, 1, 2], [1, 1, 1, 2], [1, 1, 1, 1, 1, 2], [1] * 3],
}
TORCHVISION_STRIDES = {
    4: [[1] * 3, [1] * 4, [1] * 6, [1] * 3],
    8: [[1] * 3, [2, 1, 1, 1], [1] * 6, [1] * 3],
    16: [[1] * 3, [2, 1, 1, 1], [2, 1, 1, 1, 1, 1], [1] * 3],
    32: [[1] * 3, [2, 1, 1, 1], [2, 1, 1, 1, 1, 1], [2, 1, 1]],
}
TABLES = {
    "last": (OFFICIAL, OFFICIAL_STRIDES, OFFICIAL_RATES),
    "first": (PYTORCH, TORCHVISION_STRIDES, TORCHVISION_RATES),
}


def flat(blocks):
    return [value for block in blocks for value in block]


@pytest.fixture(scope="module", params=["first", "last"])
def resnet(request):
    """A ResNet-50 with torchvision's or the official code's unit striding, and its tables."""
    conventions, strides, rates = TABLES[request.param]
    return randomize(ResNet(plain_stem(3, conventions=conventions), conventions=conventions, depth=50)), strides, rates


@pytest.mark.parametrize("output_stride", [4, 8, 16, 32])
def test_plan(resnet, output_stride):
    backbone, strides, rates = resnet
    backbone.plan(output_stride=output_stride)
    assert [unit.stride for unit in backbone.planned] == flat(strides[output_stride])
    assert [unit.rate for unit in backbone.planned] == flat(rates[output_stride])
    assert [(unit.atrous.stride, unit.atrous.rate) for unit in backbone.units] == [
        (unit.stride, unit.rate) for unit in backbone.planned
    ]
    assert [unit.shortcut.stride for unit in backbone.units] == flat(strides[output_stride])
    assert backbone.planned[3].name == "block2/unit_1"
    assert [(unit.name, unit.stride, unit.output_stride) for unit in backbone.entry] == [("stem", 2, 2), ("pool", 2, 4)]


@pytest.mark.parametrize(
    ("stride_unit", "output_stride", "block4"),
    # Official: papers.md, section 1.3. torchvision's striding: decision 8 of the design, (previous, base, base).
    [("last", 16, (2, 4, 8)), ("last", 8, (4, 8, 16)), ("last", 32, (1, 2, 4)), ("first", 16, (1, 4, 8)),
     ("first", 8, (2, 8, 16)), ("first", 32, (1, 2, 4))],
)  # fmt: skip
def test_multi_grid_multiplies_the_rates_of_block4_only(stride_unit, output_stride, block4):
    conventions, _, rates = TABLES[stride_unit]
    with torch.device("meta"):
        stem = BetaStem(3, conventions=conventions)
        backbone = ResNet(stem, conventions=conventions, depth=101, multi_grid=(1, 2, 4), output_stride=output_stride)
    assert len(backbone.planned) == 3 + 4 + 23 + 3
    assert tuple(unit.rate for unit in backbone.planned[-3:]) == block4
    assert [unit.rate for unit in backbone.planned[:7]] == flat(rates[output_stride][:2])
    assert {unit.rate for unit in backbone.planned[8:30]} == {rates[output_stride][2][-1]}


# papers.md, section 1.2: base rates of block1 .. block7.
CASCADE_RATES = {
    8: (1, 1, 2, 4, 8, 16, 32),
    16: (1, 1, 1, 2, 4, 8, 16),
    32: (1, 1, 1, 1, 2, 4, 8),
    64: (1, 1, 1, 1, 1, 2, 4),
    128: (1, 1, 1, 1, 1, 1, 2),
    256: (1, 1, 1, 1, 1, 1, 1),
}


def cascade_plan(output_stride, *, multi_grid, blocks=7):
    """(stride, rate) of every unit of ResNet-50: blocks end with a stride until the output stride is reached."""
    plan, reached = [], 4
    for block, count in enumerate((3, 4, 6, 3, 3, 3, 3)[:blocks]):
        rates = [CASCADE_RATES[output_stride][block] * (multi_grid[unit] if block >= 3 else 1) for unit in range(count)]
        strides = [1] * (count - 1) + [2 if reached < output_stride and block < blocks - 1 else 1]
        reached *= strides[-1]
        plan += zip(strides, rates, strict=True)
    return plan


@pytest.mark.parametrize("multi_grid", [(1, 1, 1), (1, 2, 1), (1, 2, 4)])
@pytest.mark.parametrize(
    ("output_stride", "added_blocks"),
    [*((stride, 3) for stride in CASCADE_RATES), (16, 1), (16, 2), (32, 1), (64, 1), (64, 2), (128, 2)],
)
def test_cascade_plan(output_stride, added_blocks, multi_grid):
    with torch.device("meta"):
        backbone = ResNet(
            BetaStem(3, conventions=OFFICIAL),
            conventions=OFFICIAL,
            depth=50,
            multi_grid=multi_grid,
            added_blocks=added_blocks,
            output_stride=output_stride,
        )
    expected = cascade_plan(output_stride, multi_grid=multi_grid, blocks=4 + added_blocks)
    assert [(unit.stride, unit.rate) for unit in backbone.planned] == expected
    assert [(unit.atrous.stride, unit.atrous.rate) for unit in backbone.units] == expected
    assert backbone.planned[-1].name == f"block{4 + added_blocks}/unit_3"
    assert backbone.planned[-1].output_stride == output_stride
    added = backbone.units[16:]
    assert len(added) == 3 * added_blocks
    assert all(isinstance(unit.shortcut, Subsample) for unit in added)
    assert {unit.atrous.conv.weight.shape for unit in added} == {(512, 512, 3, 3)}


def test_cascade_in_torchvisions_striding():
    """The first unit of a block strides, or keeps the rate before it."""
    with torch.device("meta"):
        backbone = ResNet(plain_stem(3, conventions=PYTORCH), conventions=PYTORCH, depth=50, added_blocks=2)
    plan = [(unit.stride, unit.rate) for unit in backbone.planned]
    assert plan[-9:] == [(1, 1), (1, 2), (1, 2), (1, 2), (1, 4), (1, 4), (1, 4), (1, 8), (1, 8)]
    backbone.plan(output_stride=128)
    plan = [(unit.stride, unit.rate) for unit in backbone.planned]
    assert plan[-9:] == [(2, 1), (1, 1), (1, 1)] * 3


@pytest.mark.parametrize("output_stride", [16, 64, 256])
def test_cascade_network(output_stride):
    """Odd and even sizes, with maps smaller than the reach of the filters."""
    backbone = randomize(
        ResNet(
            BetaStem(3, conventions=OFFICIAL),
            conventions=OFFICIAL,
            depth=50,
            multi_grid=(1, 2, 1),
            added_blocks=3,
            output_stride=output_stride,
        )
    )
    image = uniform(1, 3, 66, 45)
    plan = cascade_plan(output_stride, multi_grid=(1, 2, 1))
    *_, high = Reference(arrays(backbone)).resnet(image.numpy(), plan, pool_padding="same")
    np.testing.assert_allclose(backbone(image).high.detach().numpy(), high, atol=1e-9)


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_network(resnet, output_stride):
    backbone, strides, rates = resnet
    backbone.plan(output_stride=output_stride)
    image = uniform(1, 3, 34, 47)
    plan = list(zip(flat(strides[output_stride]), flat(rates[output_stride]), strict=True))
    pool_padding = "same" if strides is OFFICIAL_STRIDES else "symmetric"
    low, middle, high = Reference(arrays(backbone)).resnet(image.numpy(), plan, pool_padding=pool_padding)
    features = backbone(image)
    np.testing.assert_allclose(features.low.detach().numpy(), low, atol=1e-9)
    np.testing.assert_allclose(features.middle.detach().numpy(), middle, atol=1e-9)
    np.testing.assert_allclose(features.high.detach().numpy(), high, atol=1e-9)


@pytest.mark.parametrize("coarse", [32, 16, 8])
def test_atrous_consistency(resnet, coarse):
    """Features at the finer stride, subsampled, are those at the coarser one: same filters over a denser grid."""
    backbone, _, _ = resnet
    pool, backbone.pool = backbone.pool, MaxPool("symmetric")
    image = uniform(1, 3, 65, 33)
    with torch.no_grad():
        backbone.plan(output_stride=coarse)
        sparse = backbone(image)
        backbone.plan(output_stride=coarse // 2)
        dense = backbone(image)
    backbone.pool = pool
    torch.testing.assert_close(dense.high[..., ::2, ::2], sparse.high, rtol=0, atol=1e-9)
    assert torch.equal(dense.low, sparse.low)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize("kind", [plain_stem, BetaStem])
def test_stem(kind, padding, training):
    stem = randomize(kind(2, conventions=replace(PYTORCH, conv_padding=padding, backbone_epsilon=1e-2)))
    image = uniform(2, 2, 10, 13)
    state = {f"stem.{name}": array for name, array in arrays(stem).items()}
    expected = Reference(state, epsilon=1e-2, padding=padding, training=training).stem(image.numpy())
    stem.train(training)
    np.testing.assert_allclose(stem(image).detach().numpy(), expected, atol=1e-12)


def test_channels_of_the_stems():
    """papers.md, section 5.1: block1 receives 128 channels from the beta stem, 64 from the 7x7."""
    beta = BetaStem(3, conventions=OFFICIAL)
    assert [tuple(weight.shape) for weight in beta.parameters() if weight.ndim == 4] == [
        (64, 3, 3, 3), (64, 64, 3, 3), (128, 64, 3, 3),
    ]  # fmt: skip
    assert ResNet(beta, conventions=OFFICIAL, depth=50).units[0].reduce.conv.in_channels == beta.out_channels == 128
    assert plain_stem(3, conventions=OFFICIAL).out_channels == 64


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("padding", ["symmetric", "same"])
@pytest.mark.parametrize(("in_channels", "stride", "rate"), [(4, 1, 1), (4, 2, 1), (4, 1, 3), (16, 1, 2), (16, 2, 1)])
def test_bottleneck(in_channels, stride, rate, padding, training):
    """4 -> 16 channels has a projection shortcut, 16 -> 16 the identity or every second position."""
    unit = randomize(Bottleneck(in_channels, 4, stride=stride, conventions=replace(PYTORCH, conv_padding=padding)))
    unit.plan(stride=stride, rate=rate)
    x = uniform(2, in_channels, 7, 6)
    state = {f"unit.{name}": array for name, array in arrays(unit).items()}
    reference = Reference(state, padding=padding, training=training)
    expected, _ = reference.bottleneck("unit", x.numpy(), stride=stride, rate=rate)
    unit.train(training)
    np.testing.assert_allclose(unit(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("size", [(7, 9), (6, 8), (5, 4), (1, 1), (2, 1)])
@pytest.mark.parametrize("padding", ["symmetric", "same"])
def test_max_pool(padding, size):
    x = uniform(1, 2, *size) - 5  # below zero, so that a zero in the padding would win
    assert np.array_equal(MaxPool(padding)(x).numpy(), max_pool(x.numpy(), padding=padding))


def test_max_pool_same_on_even_sizes_by_hand():
    """papers.md, section 5.3: padding is below and right only, so that windows start at 0 and 2."""
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert MaxPool("same")(x).tolist() == [[[[10, 11], [14, 15]]]]
    assert MaxPool("symmetric")(x).tolist() == [[[[5, 7], [13, 15]]]]
