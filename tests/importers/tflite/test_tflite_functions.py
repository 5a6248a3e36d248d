"""Operators that change the function of a network are refused; halves are read as the numbers they hold."""

import pytest

import atrous
from atrous.errors import InputError
from atrous.importers.tflite.network import read_network


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "complaint"),
    [("add_constant_to_image", "ADD of a constant"), ("add_twice_mid", "ADD of the image, or of maps with themselves")],
)
def test_sums_that_are_no_shortcuts_are_refused(shared, name, complaint):
    with pytest.raises(InputError, match=complaint):
        atrous.load(shared / f"cases/weights/{name}.tflite")


@pytest.mark.shared
def test_halves_are_the_rounded_numbers_of_the_float_file(shared):
    halves = read_network(shared / "cases/weights/fp16_weights.tflite").convolutions
    floats = read_network(shared / "weights/deeplabv3_mnv2_dm05_voc_257_float.tflite").convolutions
    assert len(halves) == len(floats) == 55
    for half, whole in zip(halves, floats, strict=True):
        assert half.name == whole.name
        assert (half.kernel == whole.kernel.astype("f2").astype("f4")).all()
