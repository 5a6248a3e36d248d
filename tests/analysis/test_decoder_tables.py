"""Every decoder of DeepLabv3+, Tables 1 and 2, counted by hand at 513x513: maps are 33, 65 and 129 wide."""

from dataclasses import replace

import pytest

from atrous.analysis.summary import model_summary
from atrous.model.config import DecoderConfig
from atrous.model.presets import PRESETS

CLASSES = 21
ONE_3X3 = ((3, 256, False),)


@pytest.fixture(scope="module")
def encoder():
    """DeepLabv3 on ResNet-101, whose classifier reads 256 channels, too, but at output stride 16."""
    return model_summary(PRESETS["deeplabv3_resnet101_beta"], size=(513, 513))


def counted(decoder):
    return model_summary(replace(PRESETS["deeplabv3plus_resnet101_beta"], decoder=decoder), size=(513, 513))


def table_2_row(*kernels_and_channels):
    return DecoderConfig(refinement=tuple((kernel, channels, False) for kernel, channels in kernels_and_channels))


ROWS = [
    # (decoder, kernels' weights at output stride 4, norms' channels, channels that the classifier reads)
    *((DecoderConfig(c, ONE_3X3), 256 * c + (256 + c) * 256 * 9, c + 256, 256) for c in (8, 16, 32, 48, 64)),
    (table_2_row((3, 256), (3, 256)), 256 * 48 + 304 * 256 * 9 + 256 * 256 * 9, 48 + 2 * 256, 256),
    (table_2_row((3, 256), (3, 256), (3, 256)), 256 * 48 + 304 * 256 * 9 + 2 * 256 * 256 * 9, 48 + 3 * 256, 256),
    (table_2_row((3, 128)), 256 * 48 + 304 * 128 * 9, 48 + 128, 128),
    (table_2_row((1, 256)), 256 * 48 + 304 * 256, 48 + 256, 256),
]


@pytest.mark.parametrize(("decoder", "weights", "norms", "read"), ROWS)
def test_one_tap(encoder, decoder, weights, norms, read):
    found = counted(decoder)
    assert found.parameters - encoder.parameters == weights + 2 * norms + (read - 256) * CLASSES
    logits = (129**2 * read - 33**2 * 256) * CLASSES
    assert found.multiply_adds - encoder.multiply_adds == 129**2 * weights + logits


def test_conv3_as_a_second_tap(encoder):
    """The last row of Table 2: 512 channels at output stride 8 to 48, one 3x3, then as with one tap."""
    found = counted(DecoderConfig(48, ONE_3X3, middle_level_channels=48, middle_refinement=ONE_3X3))
    middle, low = 512 * 48 + 304 * 256 * 9, 256 * 48 + 304 * 256 * 9
    assert found.parameters - encoder.parameters == middle + low + 2 * 2 * (48 + 256)
    logits = (129**2 - 33**2) * 256 * CLASSES
    assert found.multiply_adds - encoder.multiply_adds == 65**2 * middle + 129**2 * low + logits
    assert [(unit.name, unit.output_stride, unit.size) for unit in found.units[-5:]] == [
        ("middle_level", 8, (65, 65)), ("middle_refine0", 8, (65, 65)),
        ("low_level", 4, (129, 129)), ("refine0", 4, (129, 129)), ("classifier", 4, (129, 129)),
    ]  # fmt: skip


def test_planned_at_output_stride_4_both_taps_lie_there():
    config = replace(PRESETS["deeplabv3plus_mobilenet_v2"], output_stride=4)
    found = model_summary(replace(config, decoder=replace(config.decoder, middle_level_channels=48)), size=(65, 65))
    sizes = {unit.name: (unit.output_stride, unit.size) for unit in found.units}
    assert sizes["layer_7"] == sizes["middle_level"] == sizes["low_level"] == (4, (17, 17))
