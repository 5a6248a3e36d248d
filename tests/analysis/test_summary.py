from dataclasses import replace

import pytest
import torch
from torch import nn

from atrous.analysis.summary import model_summary
from atrous.errors import InputError
from atrous.model.build import build
from atrous.model.config import DecoderConfig, MobileNetV2Config
from atrous.model.conventions import PYTORCH
from atrous.model.presets import PRESETS
from fakes.small_models import small_config

PLAIN_DECODER = replace(PRESETS["deeplabv3_xception65"], decoder=DecoderConfig())
HALF = replace(PRESETS["deeplabv3_mobilenet_v2"], backbone=MobileNetV2Config(depth_multiplier=0.5))


# papers.md, section 8, at 513x513 with 21 classes: billions of multiply-adds as printed, "plain" and "padded", what the
# papers and the model zoo report, and millions of parameters.
SECTION_8 = [
    ("deeplabv3_resnet101_beta", 16, "76.05", "80.84", 81.02, "58.16"),
    ("deeplabv3_resnet101_beta", 8, "252.25", "275.94", 276.18, "58.16"),
    ("deeplabv3_resnet101_beta", 32, "51.41", "52.25", 52.43, "58.16"),
    ("deeplabv3plus_resnet101_beta", 16, "97.81", "102.59", None, "59.47"),  # the paper's 101.28 contradicts its others
    ("deeplabv3plus_resnet101_beta", 8, "273.99", "297.68", 297.92, "59.47"),
    ("deeplabv3plus_resnet101_beta", 32, "73.17", "74.01", 74.20, "59.47"),
    ("deeplabv3_xception65", 16, "64.92", "67.85", 68.00, "53.41"),
    ("deeplabv3_xception65", 8, "227.04", "240.67", 240.85, "53.41"),
    (PLAIN_DECODER, 16, "86.68", "89.61", 89.76, "54.71"),
    (PLAIN_DECODER, 8, "248.78", "262.42", 262.59, "54.71"),
    ("deeplabv3plus_xception65", 16, "54.04", "54.05", 54.17, "41.05"),
    ("deeplabv3plus_xception65", 8, "176.85", "176.96", 177.10, "41.05"),
    ("deeplabv3_mobilenet_v2", 16, "2.741", "2.742", 2.75, "2.11"),
    ("deeplabv3_mobilenet_v2_aspp", 16, "5.36", "5.82", 5.8, "4.52"),
    (HALF, 16, "0.867", "0.868", None, "0.697"),  # the zoo's 0.88 and 2.84 count biases, batch norms and pooling, too
    (HALF, 8, "2.819", "2.826", None, "0.697"),
]


def printed(number, *, unit):
    """A number as it was printed: half a unit of its last digit, and a little more (41.0554 was printed as 41.05)."""
    digits = len(number.partition(".")[2])
    return pytest.approx(float(number) * unit, abs=0.55 * 10**-digits * unit, rel=0)


@pytest.mark.parametrize(("model", "output_stride", "plain", "padded", "reported", "parameters"), SECTION_8)
def test_papers_counts(model, output_stride, plain, padded, reported, parameters):
    config = PRESETS[model] if isinstance(model, str) else model
    found = model_summary(replace(config, output_stride=output_stride), size=(513, 513))
    assert found.multiply_adds == printed(plain, unit=1e9)
    assert found.padded_multiply_adds == printed(padded, unit=1e9)
    assert found.parameters == printed(parameters, unit=1e6)
    if reported is not None:
        assert found.padded_multiply_adds == pytest.approx(reported * 1e9, rel=0.005)


@pytest.mark.parametrize(
    ("name", "plain", "padded", "reported"),
    [
        ("deeplabv3_mobilenet_v2", "21.23", "21.24", 21.27),
        ("deeplabv3plus_xception65", "418.38", "418.45", 418.64),
    ],
)
def test_papers_counts_on_cityscapes(name, plain, padded, reported):
    """papers.md, section 8, at 1025x2049."""
    found = model_summary(replace(PRESETS[name], classes=19), size=(1025, 2049))
    assert found.multiply_adds == printed(plain, unit=1e9)
    assert found.padded_multiply_adds == printed(padded, unit=1e9)
    assert found.padded_multiply_adds == pytest.approx(reported * 1e9, rel=0.005)


@pytest.mark.parametrize(
    ("name", "output_stride", "views", "reported"),
    [
        ("deeplabv3_resnet101_beta", 8, 1, 2435.37),
        ("deeplabv3plus_xception65", 16, 2, 928.81),
        ("deeplabv3plus_xception65", 8, 2, 3055.35),
        ("deeplabv3_mobilenet_v2", 8, 2, 152.59),
    ],
)
def test_papers_counts_over_six_scales(name, output_stride, views, reported):
    """papers.md, section 8: sizes int(512 s + 1), each seen once or also mirrored."""
    config = replace(PRESETS[name], output_stride=output_stride)
    sizes = [int(512 * scale + 1) for scale in (0.5, 0.75, 1, 1.25, 1.5, 1.75)]
    total = sum(model_summary(config, size=(size, size)).padded_multiply_adds for size in sizes)
    assert views * total == pytest.approx(reported * 1e9, rel=0.0005)


# MobileNetV3 paper, Tables 7 and 8, at 1024x2048 with 19 classes: millions of parameters, billions of multiply-adds;
# the last column is ours, as docs/paper_map.md prints it.
LITE = [
    ("lraspp_mobilenet_v3_large", 16, "1.51", 9.74, "9.53"),
    ("lraspp_mobilenet_v3_large", 32, "1.51", 7.74, "7.58"),
    ("lraspp_mobilenet_v3_small", 16, "0.47", 2.90, "2.78"),
    ("lraspp_mobilenet_v3_small", 32, "0.47", 2.06, "1.96"),
]


@pytest.mark.parametrize(("name", "output_stride", "parameters", "multiply_adds", "ours"), LITE)
def test_counts_of_lite_r_aspp(name, output_stride, parameters, multiply_adds, ours):
    """The paper's multiply-adds are 2 to 5 % more, as if hard-swish and the gates counted; ours are convolutions."""
    found = model_summary(replace(PRESETS[name], classes=19, output_stride=output_stride), size=(1024, 2048))
    assert found.fitted_size == (1025, 2049)
    assert found.parameters == printed(parameters, unit=1e6)
    assert 0.95 * multiply_adds * 1e9 < found.multiply_adds < multiply_adds * 1e9
    assert found.multiply_adds == printed(ours, unit=1e9)


def test_counts_of_the_model_zoo_are_twice_the_multiply_adds():
    """papers.md, section 6.2, at output stride 32: twice the paper's numbers; what the models differ in agrees.

    Beyond that, both have 0.7 to 0.8 more than convolutions: most likely resizing the logits.
    """
    large, small = (
        model_summary(replace(PRESETS[f"lraspp_mobilenet_v3_{size}"], classes=19, output_stride=32), size=(1025, 2049))
        for size in ("large", "small")
    )
    rest = 15.95e9 - 2 * large.multiply_adds, 4.63e9 - 2 * small.multiply_adds
    assert 2 * (large.multiply_adds - small.multiply_adds) == pytest.approx(15.95e9 - 4.63e9, rel=0.01)
    assert rest == pytest.approx((0.75e9, 0.75e9), abs=0.05e9)


@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"),
    [
        ("lraspp_mobilenet_v3", 3221538 + 128, 2.086e9),  # our gate has biases
        # The published model has an auxiliary head at output stride 8: 3x3 from 40 to 10 channels, 1x1 to 21.
        ("deeplabv3_mobilenet_v3", 11029328 - (3600 + 20) - (210 + 21), 10.452e9 - 65**2 * (3600 + 210)),
    ],
)
def test_counts_of_torchvision(name, parameters, multiply_adds):
    """`num_params` and `_ops` (at 520x520) in torchvision's table of weights."""
    found = model_summary(PRESETS[name], size=(520, 520))
    assert found.parameters == parameters
    assert found.multiply_adds == pytest.approx(multiply_adds, abs=0.0005e9, rel=0)


def test_padding_to_multiples_of_the_rates_by_hand():
    """A 33x33 map takes 36x36 positions at rates 6, 12 and 18, and 34x34 in the three depthwise layers at rate 2."""
    config = PRESETS["deeplabv3_mobilenet_v2_aspp"]
    found = model_summary(config, size=(513, 513))
    branches = 3 * (36**2 - 33**2) * 9 * 320 * 256
    depthwise = 3 * (34**2 - 33**2) * 9 * 960
    assert found.padded_multiply_adds - found.multiply_adds == branches + depthwise
    # All rates divide a map of 36x72.
    even = model_summary(replace(config, conventions=PYTORCH), size=(36 * 16, 36 * 32))
    assert even.padded_multiply_adds == even.multiply_adds


def test_parameters_of_resnet101_with_the_7x7_stem():
    """papers.md, section 8: 58.04 M where the beta stem has 58.16 M."""
    assert model_summary(PRESETS["deeplabv3_resnet101"], size=(33, 33)).parameters == pytest.approx(
        58.04e6, abs=0.005e6
    )


@pytest.mark.parametrize("output_stride", [16, 256])
def test_cascade_by_hand(output_stride):
    """block5 to block7 add nine bottlenecks of 2048 channels; at output stride 16 each runs on 33x33."""
    config = replace(PRESETS["deeplabv3_cascade_resnet50"], output_stride=output_stride)
    block4 = replace(PRESETS["deeplabv3_cascade_resnet50"].backbone, added_blocks=0)
    found = model_summary(config, size=(513, 513))
    weights = 2048 * 512 + 512 * 512 * 9 + 512 * 2048
    plain = model_summary(replace(config, backbone=block4, output_stride=min(output_stride, 32)), size=(513, 513))
    assert found.parameters - plain.parameters == 9 * (weights + 2 * (512 + 512 + 2048))
    assert found.valid_taps == ()
    told = {unit.name: (unit.stride, unit.rate, unit.output_stride, unit.size) for unit in found.units}
    if output_stride == 16:
        assert found.multiply_adds - plain.multiply_adds == 9 * weights * 33**2
        assert told["block7/unit_2"] == (1, 32, 16, (33, 33))
    else:
        assert told["block6/unit_3"] == (2, 1, 256, (3, 3))
    assert told["classifier"] == (1, 1, output_stride, told["block7/unit_3"][3])


def test_multiply_adds_by_hand():
    """A hook on every convolution of the real model: outputs x taps x channels read."""
    config = small_config("deeplabv3plus_mobilenet_v2")
    model, counted = build(config).eval(), []

    def count(conv, _, output):
        counted.append(output.numel() * conv.weight[0].numel())

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, 3, 50, 70))
    found = model_summary(config, size=(50, 70))
    assert found.multiply_adds == sum(counted)
    assert found.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert len(found.units) == 1 + 17 + 5 + 1 + 3 + 1  # stem, units, branches, projection, decoder, classifier


@pytest.mark.parametrize("size", [(50, 71), (1, 30)])
@pytest.mark.parametrize(
    ("name", "last_part"),
    [
        ("deeplabv3plus_mobilenet_v2", "project"),
        ("deeplabv3plus_resnet50_beta", "restore"),
        ("deeplabv3plus_xception41", "separable3"),
        ("deeplabv3plus_mobilenet_v3", "project"),
        ("lraspp_mobilenet_v3_small", "project"),
    ],
)
def test_sizes_are_those_of_the_maps(name, last_part, size):
    config = small_config(name, output_stride=8)
    model, sizes = build(config).eval(), {}

    def watch(part, label):
        def note(_, __, output):
            sizes[label] = tuple(output.shape[-2:])

        part.register_forward_hook(note)

    parts = dict(model.backbone.named_children())
    units = list(parts.pop("units"))
    if "last" in parts:
        units.append(parts.pop("last"))
    for part, planned in zip(parts.values(), model.backbone.entry, strict=True):
        watch(part, planned.name)
    for unit, planned in zip(units, model.backbone.planned, strict=True):
        # The unit with the decoder's tap is not called as a whole.
        watch(getattr(unit, last_part, unit), planned.name)
    if "lraspp" in name:
        watch(model.aspp.features, "features")
        watch(model.middle_classifier, "middle_classifier")
    else:
        for label, branch in model.aspp.branches.items():
            watch(branch, label)
        watch(model.aspp.projection[0], "projection0")
        watch(model.decoder.low_level, "low_level")
        watch(model.decoder.refine[0], "refine0")
        watch(model.decoder.refine[1], "refine1")
    watch(model.classifier, "classifier")
    with torch.no_grad():
        model(torch.zeros(1, 3, *size))
    found = model_summary(config, size=size)
    assert {unit.name: unit.size for unit in found.units} == sizes


def test_units_of_a_resnet():
    found = model_summary(PRESETS["deeplabv3_resnet50"], size=(513, 513))
    told = {unit.name: (unit.stride, unit.rate, unit.output_stride, unit.size) for unit in found.units}
    assert told["stem"] == (2, 1, 2, (257, 257))
    assert told["pool"] == (2, 1, 4, (129, 129))
    assert told["block2/unit_1"] == (2, 1, 8, (65, 65))
    assert told["block4/unit_3"] == (1, 2, 16, (33, 33))
    assert told["aspp3"] == (1, 18, 16, (33, 33))
    assert found.fitted_size == (513, 513)


@pytest.mark.parametrize(("output_stride", "last"), [(16, 33), (8, 65)])
def test_sizes_of_xception(output_stride, last):
    """papers.md, section 4.2, at 513x513."""
    found = model_summary(replace(PRESETS["deeplabv3plus_xception65"], output_stride=output_stride), size=(513, 513))
    sizes = {unit.name: unit.size for unit in found.units}
    assert sizes["conv1_1"] == sizes["conv1_2"] == (257, 257)
    assert sizes["entry_flow/block1"] == sizes["low_level"] == sizes["classifier"] == (129, 129)
    assert sizes["entry_flow/block2"] == (65, 65)
    deep = [size for name, size in sizes.items() if name == "entry_flow/block3" or name.startswith(("middle", "exit"))]
    assert deep == [(last, last)] * (1 + 16 + 2)


def test_fitted_size_and_valid_taps():
    found = model_summary(replace(PRESETS["deeplabv3_mobilenet_v2_aspp"], output_stride=8), size=(500, 512))
    assert found.fitted_size == (505, 513)
    assert [taps.rate for taps in found.valid_taps] == [12, 24, 36]
    # On 64x65, rate 36: an axis of length n has 3, 2, 1 taps at 0, 2 (n - 36), 72 - n positions.
    expected = {9: 0, 6: 0, 4: 56 * 58, 3: 0, 2: 56 * 7 + 8 * 58, 1: 8 * 7}
    assert found.valid_taps[2].shares == pytest.approx({n: count / (64 * 65) for n, count in expected.items()})
    assert found.valid_taps[2].mean == pytest.approx((64 + 56) / (3 * 64) * (65 + 58) / (3 * 65))


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5), (65537, 5), (5, 10**12)])
def test_impossible_sizes(size):
    with pytest.raises(InputError, match=rf"size {size[0]}x{size[1]} is out of range"):
        model_summary(PRESETS["deeplabv3_mobilenet_v2"], size=size)
