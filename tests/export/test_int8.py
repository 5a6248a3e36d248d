"""Files of 8 bits: pictures that calibrate and that are compared, number types of the layers, agreement."""

import json
from typing import Any

import numpy as np
import onnx
import openvino
import openvino.opset13 as ops
import pytest

from atrous.errors import InputError
from atrous.export.export import ProofError, export
from atrous.export.int8 import calibration_shift, split_pictures
from atrous.export.int8_openvino import layer_precisions, quantised
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
    proof = export(recorded.weights, tmp_path / "small.xml", precision="int8", calibration=pictures, gate=0.85)
    model = openvino.Core().read_model(tmp_path / "small.xml")
    kinds = [node.get_type_name() for node in model.get_ops()]
    saved = json.loads((tmp_path / "small.xml.proof.json").read_text())
    layers = saved["layers"]
    assert len(layers) == kinds.count("Convolution") + kinds.count("GroupConvolution")
    assert sum(layer["quantised"] for layer in layers) >= 0.5 * len(layers)
    assert kinds.count("FakeQuantize") >= sum(layer["quantised"] for layer in layers) / 2
    constants = (node for node in model.get_ops() if node.get_type_name() == "Constant")
    bytes_ = [node.get_data() for node in constants if node.get_element_type() == openvino.Type.i8]
    between_channels = [np.abs(one.astype(int)).max() for one in bytes_ if one.ndim == 4]  # depthwise ones have 5 axes
    assert max(between_channels) <= 64  # 7 bits: no overflow without VNNI
    assert len(between_channels) > len(layers) / 2
    assert [one.counts for one in proof.comparisons] == [False, False, True, True]
    assert saved["gate"]["by_user"] is True
    predictor = Predictor(tmp_path / "small.xml")
    assert predictor.precision.startswith("int8 in openvino")
    held_back = [pictures[3], pictures[7]]
    expected = [result.labels for result in Predictor(recorded.weights)(held_back)]
    agreement = np.mean([result.labels for result in predictor(held_back)] == np.array(expected))
    assert proof.equal_share == pytest.approx(agreement, abs=0.002)  # engines may round a sum in another order
    assert agreement >= 0.85
    assert all(len(np.unique(labels)) > 2 for labels in expected)


def test_onnx_files_have_8_bits_and_labels_agree(recorded, pictures, tmp_path):
    proof = export(recorded.weights, tmp_path / "small.onnx", precision="int8", calibration=pictures, gate=0.85)
    model = onnx.load(tmp_path / "small.onnx")
    kinds = [node.op_type for node in model.graph.node]
    saved = json.loads((tmp_path / "small.onnx.proof.json").read_text())
    assert [layer["quantised"] for layer in saved["layers"]] == [False] * 2 + [True] * (kinds.count("Conv") - 2)
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    sources = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    quantised_ones = [node for node in model.graph.node if node.op_type == "Conv"][2:]
    bytes_ = [weights[sources[node.input[1]]] for node in quantised_ones]
    assert {one.dtype for one in bytes_} == {np.dtype(np.int8)}
    between_channels = [np.abs(one.astype(int)).max() for one in bytes_ if one.shape[1] > 1]
    assert max(between_channels) <= 64  # 7 bits: no overflow without VNNI
    assert len(between_channels) > len(bytes_) / 2
    assert Predictor(tmp_path / "small.onnx").precision.startswith("int8 in onnxruntime")
    assert proof.equal_share >= 0.85
    assert {path.name for path in tmp_path.iterdir()} == {
        "small.onnx",
        "small.onnx.proof.json",
        "small.onnx.proof.md",
    }


def test_the_shift_is_that_of_numpy(recorded):
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 200, (5, size, 3), dtype=np.uint8) for size in (3, 8)]
    shift = calibration_shift(recorded.weights.model, pictures)
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures]).astype(float)
    np.testing.assert_allclose(shift.mean, pixels.mean(axis=0))
    np.testing.assert_allclose(shift.std, pixels.std(axis=0))
    assert shift.expected_mean == shift.expected_std == (127.5,) * 3  # TensorFlow's: -1..1
    assert shift.largest == pytest.approx(np.abs(pixels.mean(axis=0) - 127.5).max() / 127.5)


def five_layers() -> Any:
    """A model of OpenVINO for images `[1, h, w, 3]`: the two convolutions that stay in float32, and three others."""
    generator = np.random.default_rng(0)
    image = ops.parameter([1, -1, -1, 3], openvino.Type.u8, name="image")
    x = ops.convert(ops.transpose(image, np.array([0, 3, 1, 2])), "f32")
    for out, channels in ((8, 3), (8, 8), (8, 8), (8, 8), (4, 8)):
        weights = ops.constant(generator.normal(size=(out, channels, 3, 3)).astype(np.float32) / 50)
        x = ops.relu(ops.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    build: Any = openvino.Model
    return build([x], [image], "five")


def test_layers_return_to_float_until_labels_agree(pictures, monkeypatch):
    """They are ranked on one picture alone, and all of them return where every pixel has to be equal."""
    monkeypatch.setattr("atrous.export.int8_openvino.RANKED_PICTURES", 1)
    common = {"layout": "nhwc", "calibration": pictures[:2], "held_back": pictures[2:5]}
    model = quantised(five_layers(), **common, share=0.1)
    assert [layer.quantised for layer in layer_precisions(model)] == [False] * 2 + [True] * 3
    with pytest.raises(InputError, match=r"no convolution keeps 8 bits if 100\.00% of the pixels are to be equal"):
        quantised(five_layers(), **common, share=1.0)


def test_few_layers_return_to_float_and_each_comparison_is_counted(pictures, monkeypatch):
    """Without a bound NNCF ranks all layers again and again where no return helps."""
    monkeypatch.setattr("atrous.export.int8_openvino.MAX_RETURNED", 1)
    counted = []
    model = quantised(
        five_layers(),
        pictures[:2],
        pictures[2:4],
        layout="nhwc",
        share=1.0,
        on_progress=lambda done, most: counted.append((done, most)),
    )
    assert [layer.quantised for layer in layer_precisions(model)].count(False) <= 2 + 1
    assert [done for done, _ in counted] == [*range(1, len(counted) + 1)]
    assert {most for _, most in counted} == {
        3 + 3 + 1
    }  # the metric, both models, a ranking of three layers, one return
    assert len(counted) == 7


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("m.onnx", {"precision": "int8"}, "8 bits need pictures .* --calibration"),
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
