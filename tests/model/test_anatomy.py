from dataclasses import replace

import pytest
import torch
from torch import nn

from atrous.errors import InputError
from atrous.model.anatomy import anatomy
from atrous.model.config import DecoderConfig, MobileNetV2Config
from atrous.model.presets import PRESETS, build
from fakes.small_models import small_config

PLAIN_DECODER = replace(PRESETS["deeplabv3_xception65"], decoder=DecoderConfig())
HALF = replace(PRESETS["deeplabv3_mobilenet_v2"], backbone=MobileNetV2Config(depth_multiplier=0.5))


@pytest.mark.parametrize(
    ("config", "output_stride", "multiply_adds", "parameters"),
    # papers.md, section 8, column "plain" at 513x513 with 21 classes; half a unit of the last printed digit.
    [
        (PRESETS["deeplabv3_mobilenet_v2"], 16, (2.741e9, 0.0005e9), (2.11e6, 0.005e6)),
        (PRESETS["deeplabv3_mobilenet_v2_aspp"], 16, (5.36e9, 0.005e9), (4.52e6, 0.005e6)),
        (PRESETS["deeplabv3_resnet101_beta"], 16, (76.05e9, 0.005e9), (58.16e6, 0.005e6)),
        (PRESETS["deeplabv3_resnet101_beta"], 8, (252.25e9, 0.005e9), (58.16e6, 0.005e6)),
        (PRESETS["deeplabv3_resnet101_beta"], 32, (51.41e9, 0.005e9), (58.16e6, 0.005e6)),
        (PRESETS["deeplabv3plus_resnet101_beta"], 16, (97.81e9, 0.005e9), (59.47e6, 0.005e6)),
        (PRESETS["deeplabv3plus_resnet101_beta"], 8, (273.99e9, 0.005e9), (59.47e6, 0.005e6)),
        (PRESETS["deeplabv3plus_resnet101_beta"], 32, (73.17e9, 0.005e9), (59.47e6, 0.005e6)),
        (PRESETS["deeplabv3_xception65"], 16, (64.92e9, 0.005e9), (53.41e6, 0.005e6)),
        (PRESETS["deeplabv3_xception65"], 8, (227.04e9, 0.005e9), (53.41e6, 0.005e6)),
        (PLAIN_DECODER, 16, (86.68e9, 0.005e9), (54.71e6, 0.005e6)),
        (PLAIN_DECODER, 8, (248.78e9, 0.005e9), (54.71e6, 0.005e6)),
        (PRESETS["deeplabv3plus_xception65"], 16, (54.04e9, 0.005e9), (41.05e6, 0.01e6)),
        (PRESETS["deeplabv3plus_xception65"], 8, (176.85e9, 0.005e9), (41.05e6, 0.01e6)),
        (HALF, 16, (0.867e9, 0.0005e9), (0.697e6, 0.0005e6)),
        (HALF, 8, (2.819e9, 0.0005e9), (0.697e6, 0.0005e6)),
    ],
)
def test_papers_counts(config, output_stride, multiply_adds, parameters):
    found = anatomy(replace(config, output_stride=output_stride), size=(513, 513))
    assert found.multiply_adds == pytest.approx(multiply_adds[0], abs=multiply_adds[1])
    assert found.parameters == pytest.approx(parameters[0], abs=parameters[1])


@pytest.mark.parametrize(
    ("name", "multiply_adds"), [("deeplabv3_mobilenet_v2", 21.23e9), ("deeplabv3plus_xception65", 418.38e9)]
)
def test_papers_counts_on_cityscapes(name, multiply_adds):
    """papers.md, section 8, at 1025x2049."""
    found = anatomy(replace(PRESETS[name], classes=19), size=(1025, 2049))
    assert found.multiply_adds == pytest.approx(multiply_adds, abs=0.005e9)


def test_parameters_of_resnet101_with_the_7x7_stem():
    """papers.md, section 8: 58.04 M where the beta stem has 58.16 M."""
    assert anatomy(PRESETS["deeplabv3_resnet101"], size=(33, 33)).parameters == pytest.approx(58.04e6, abs=0.005e6)


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
    found = anatomy(config, size=(50, 70))
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
    units = [*parts.pop("units"), *([parts.pop("last")] if "xception" in name else [])]
    for part, planned in zip(parts.values(), model.backbone.entry, strict=True):
        watch(part, planned.name)
    for unit, planned in zip(units, model.backbone.planned, strict=True):
        watch(getattr(unit, last_part), planned.name)  # the unit with the decoder's tap is not called as a whole
    for label, branch in model.aspp.branches.items():
        watch(branch, label)
    watch(model.aspp.projection[0], "projection0")
    watch(model.decoder.low_level, "low_level")
    watch(model.decoder.refine[0], "refine0")
    watch(model.decoder.refine[1], "refine1")
    watch(model.classifier, "classifier")
    with torch.no_grad():
        model(torch.zeros(1, 3, *size))
    found = anatomy(config, size=size)
    assert {unit.name: unit.size for unit in found.units} == sizes


def test_units_of_a_resnet():
    found = anatomy(PRESETS["deeplabv3_resnet50"], size=(513, 513))
    told = {unit.name: (unit.stride, unit.rate, unit.output_stride, unit.size) for unit in found.units}
    assert told["stem"] == (2, 1, 2, (257, 257))
    assert told["pool"] == (2, 1, 4, (129, 129))
    assert told["block2/unit_1"] == (2, 1, 8, (65, 65))
    assert told["block4/unit_3"] == (1, 2, 16, (33, 33))
    assert told["aspp3"] == (1, 18, 16, (33, 33))
    assert found.fitted_size == (513, 513)


def test_fitted_size_and_valid_taps():
    found = anatomy(replace(PRESETS["deeplabv3_mobilenet_v2_aspp"], output_stride=8), size=(500, 512))
    assert found.fitted_size == (505, 513)
    assert [taps.rate for taps in found.valid_taps] == [12, 24, 36]
    # On 64x65, rate 36: an axis of length n has 3, 2, 1 taps at 0, 2 (n - 36), 72 - n positions.
    expected = {9: 0, 6: 0, 4: 56 * 58, 3: 0, 2: 56 * 7 + 8 * 58, 1: 8 * 7}
    assert found.valid_taps[2].shares == pytest.approx({n: count / (64 * 65) for n, count in expected.items()})
    assert found.valid_taps[2].mean == pytest.approx((64 + 56) / (3 * 64) * (65 + 58) / (3 * 65))


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-1, 5), (65537, 5), (5, 10**12)])
def test_impossible_sizes(size):
    with pytest.raises(InputError, match=rf"size {size[0]}x{size[1]} is out of range"):
        anatomy(PRESETS["deeplabv3_mobilenet_v2"], size=size)
