import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from atrous.errors import InputError
from atrous.export.export import ProofError, export
from atrous.export.gate import Gate
from atrous.export.proof import prove
from atrous.inference.engines.open_engine import open_engine
from atrous.inference.predictor import Predictor


@pytest.fixture(scope="module")
def session(exported):
    return onnxruntime.InferenceSession(exported.path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("size", [(1, 1), (2, 7), (64, 64), (65, 33), (31, 300)])
def test_labels_are_those_of_the_predictor_at_any_size(exported, session, size):
    images = np.random.default_rng(0).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    (labels,) = session.run(None, {"image": images})
    assert labels.dtype == np.uint8
    predicted = Predictor(exported.weights)([*images])
    np.testing.assert_array_equal(labels, [result.labels for result in predicted])


def test_the_file_says_what_it_takes_and_gives(exported, session):
    (image,), (labels,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(uint8)", ["batch", "height", "width", 3])
    assert (labels.name, labels.type, labels.shape) == ("labels", "tensor(uint8)", ["batch", "height", "width"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert tuple(json.loads(metadata["atrous.labels"])["names"]) == exported.weights.labels.names
    assert json.loads(metadata["atrous.weights_sha256"]) == exported.weights.sha256
    assert json.loads(metadata["atrous.picture_range"]) == [0, 4095]


def test_the_graph_has_plain_convolutions_and_no_paths_of_this_machine(exported):
    model = onnx.load(exported.path)
    kinds = [node.op_type for node in model.graph.node]
    weights = exported.weights.model
    assert kinds.count("Conv") == sum(isinstance(part, torch.nn.Conv2d) for part in weights.modules()) + 1
    assert kinds.count("Transpose") <= 2  # of the image and of one interpolation matrix
    assert not {"BatchNormalization", "SpaceToDepth", "Resize"} & set(kinds)
    assert b"site-packages" not in exported.path.read_bytes()
    assert b".py" not in exported.path.read_bytes()


def test_the_proof_lies_beside_the_file(exported):
    saved = json.loads(exported.path.with_name("labels.onnx.proof.json").read_text())
    assert saved["passed"] is True
    assert len({tuple(one["size"]) for one in saved["comparisons"]}) >= 5
    assert {one["batch"] for one in saved["comparisons"]} == {1, 2}
    assert max(one["logit_error"] for one in saved["comparisons"]) < 1e-4
    assert sum(one["pixels"] for one in saved["comparisons"]) > 300_000
    assert "| large | 513x513 | 1 | 263,169 |" in exported.path.with_name("labels.onnx.proof.md").read_text()


def test_below_the_gate_nothing_is_written(recorded, tmp_path):
    """A share above 1 always refuses; an older file stays."""
    out = tmp_path / "model.onnx"
    out.write_bytes(b"older")
    with pytest.raises(ProofError, match="at least 101") as refused:
        export(recorded.weights, out, gate=1.01)
    assert refused.value.proof.equal_share == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert out.read_bytes() == b"older"


def test_an_interrupt_leaves_nothing(recorded, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(recorded.weights, tmp_path / "model.onnx", on_progress=interrupted)
    assert not [*tmp_path.iterdir()]


def test_a_wrong_graph_is_refused(recorded, tmp_path, monkeypatch):
    """The proof sees what a changed bias does: the first class wins where another one did."""
    wrong = copy.deepcopy(recorded.graph)
    last = [node for node in wrong.graph.node if node.op_type == "Conv" and len(node.input) == 3][-1]
    (bias,) = (tensor for tensor in wrong.graph.initializer if tensor.name == last.input[2])
    values = onnx.numpy_helper.to_array(bias).copy()
    values[0] += 10
    bias.CopyFrom(onnx.numpy_helper.from_array(values, bias.name))
    monkeypatch.setattr("atrous.export.export.onnx_model", lambda *_, **__: wrong)
    with pytest.raises(ProofError, match="decided ones differ; the gate is labels equal wherever"):
        export(recorded.weights, tmp_path / "model.onnx")
    assert not [*tmp_path.iterdir()]


def test_images_are_enlarged_until_the_network_takes_them(recorded, monkeypatch):
    model = recorded.weights.model

    def patches_of_eight(images, logits=model.logits):
        if min(images.shape[-2:]) < 8:
            raise InputError("this backbone cannot take an image of so few pixels")
        return logits(images)

    monkeypatch.setattr(model, "logits", patches_of_eight)
    proof = prove(model, open_engine(recorded.path), gate=Gate.choose("float32", None), logits=None)
    assert [(one.name, one.size) for one in proof.comparisons] == [("small", (33, 40)), ("tiny", (12, 8))]
    assert proof.passed


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("model.onnx", {"opset": 99}, "--opset 99 cannot be written; choose 18 to"),
        ("model.onxx", {}, "no format has the suffix"),
        ("folder.onnx", {}, "cannot write .*it is a folder"),
        ("missing\0.onnx", {}, "cannot write"),
    ],
)
def test_impossible_settings_are_one_line(exported, tmp_path, name, settings, message):
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(InputError, match=message) as refused:
        export(exported.weights, tmp_path / name, **settings)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.onnx"]


def test_the_example_runs_without_torch(exported, tmp_path):
    """In a process where torch cannot be imported; it writes the labels of the predictor and names the classes."""
    image = np.random.default_rng(1).integers(0, 256, (40, 53, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "photo.png")
    program = (
        "import sys, runpy; sys.modules['torch'] = None; del sys.argv[0]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    files = [exported.path, tmp_path / "photo.png", tmp_path / "labels.png"]
    example = Path(__file__).parents[2] / "examples" / "exported_without_torch.py"
    done = subprocess.run([sys.executable, "-c", program, example, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = Predictor(exported.weights)(image)
    np.testing.assert_array_equal(np.asarray(Image.open(files[-1])), result.labels)
    assert {line.rpartition(" ")[0] for line in done.stdout.splitlines()} == {*result.shares()}
