"""Files of 8 bits: pictures that calibrate and that are compared, number types of the layers, agreement."""

import json

import numpy as np
import openvino
import pytest

from atrous.errors import InputError
from atrous.export.export import ProofError, export
from atrous.export.int8 import split_pictures
from atrous.inference.precision import generated_images
from atrous.inference.predictor import Predictor


@pytest.fixture(scope="module")
def pictures():
    return [*generated_images(3, size=(49, 65), number=8).permute(0, 2, 3, 1).numpy()]


def test_one_picture_of_four_is_held_back():
    pictures = [np.full((1, 1, 3), number, np.uint8) for number in range(9)]
    calibration, held_back = ([int(one[0, 0, 0]) for one in part] for part in split_pictures(pictures))
    assert (calibration, held_back) == ([0, 1, 2, 4, 5, 6, 8], [3, 7])
    assert [len(part) for part in split_pictures(pictures[:2])] == [1, 1]
    with pytest.raises(InputError, match="calibration on 1 pictures"):
        split_pictures(pictures[:1])


def test_convolutions_have_8_bits_and_labels_agree(recorded, pictures, tmp_path):
    proof = export(recorded.weights, tmp_path / "small.xml", precision="int8", calibration=pictures, gate=0.9)
    model = openvino.Core().read_model(tmp_path / "small.xml")
    kinds = [node.get_type_name() for node in model.get_ops()]
    saved = json.loads((tmp_path / "small.xml.proof.json").read_text())
    layers = saved["layers"]
    assert len(layers) == kinds.count("Convolution") + kinds.count("GroupConvolution")
    assert sum(layer["quantised"] for layer in layers) >= 0.5 * len(layers)
    assert kinds.count("FakeQuantize") >= sum(layer["quantised"] for layer in layers) / 2
    assert [one.counts for one in proof.comparisons] == [False, False, True, True]
    assert saved["gate"]["by_user"] is True
    predictor = Predictor(tmp_path / "small.xml")
    assert predictor.precision.startswith("int8 in openvino")
    held_back = [pictures[3], pictures[7]]
    expected = [result.labels for result in Predictor(recorded.weights)(held_back)]
    agreement = np.mean([result.labels for result in predictor(held_back)] == np.array(expected))
    assert proof.equal_share == pytest.approx(agreement, abs=0.002)  # engines may round a sum in another order
    assert agreement >= 0.9


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "m.onnx",
            {"precision": "int8", "calibration": True},
            r"8 bits are written for OpenVINO; give --out FILE\.xml",
        ),
        ("m.xml", {"precision": "int8"}, "8 bits need pictures .* --calibration"),
        ("m.xml", {"calibration": True}, "--calibration is for --precision int8, not for float32"),
    ],
)
def test_8_bits_without_their_pictures_are_one_line(recorded, pictures, tmp_path, name, settings, message):
    if settings.get("calibration"):
        settings = {**settings, "calibration": pictures}
    with pytest.raises(InputError, match=message) as refused:
        export(recorded.weights, tmp_path / name, **settings)
    assert not isinstance(refused.value, ProofError)
    assert not [*tmp_path.iterdir()]
