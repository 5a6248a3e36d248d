"""Files for phones: the graph of one size is the model's, and what the format has not is refused.

The converters drag in 50 to 70 packages each; `scripts/soak/phone_formats.py` runs them in environments of their own.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from atrous.cli.main import main
from atrous.errors import InputError
from atrous.export import phone, phone_file
from atrous.export.export import ProofError
from atrous.export.fixed_size import record_at
from atrous.export.graph import ExportGraph
from atrous.export.phone import export_phone, phone_format
from atrous.inference.precision import generated_images
from atrous.model.build import build
from atrous.model.config import MobileNetV2Config
from atrous.model.presets import preset

CONVERTIBLE = {
    "aten._to_copy", "aten.add", "aten.adaptive_avg_pool2d", "aten.argmax", "aten.avg_pool2d", "aten.cat", "aten.clamp",
    "aten.conv2d", "aten.div", "aten.hardsigmoid", "aten.hardswish", "aten.hardtanh", "aten.matmul",
    "aten.max_pool2d", "aten.mean", "aten.mul", "aten.pad", "aten.permute", "aten.relu", "aten.sigmoid", "aten.sub",
}  # fmt: skip
"""Operations that all three converters take; of `aten.expand` LiteRT's makes sums that do not fit."""

TINY = replace(preset("deeplabv3plus_mobilenet_v2"), classes=4, backbone=MobileNetV2Config(depth_multiplier=0.1))
NETWORKS = {
    "DeepLabv3+, image pooling": TINY,
    "DeepLabv3, mobile head": replace(
        preset("deeplabv3_mobilenet_v2"), classes=4, backbone=MobileNetV2Config(depth_multiplier=0.1)
    ),
    "Lite R-ASPP, window means": replace(preset("lraspp_mobilenet_v3_small"), classes=4),
}


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("name", "floats"),
    [("DeepLabv3, mobile head", False), *dict.fromkeys(NETWORKS, True).items()],  # what is read as bytes is one for all
)
def test_the_graph_of_one_size_is_the_models_of_convertible_operations(name, floats):
    layout = "nchw" if floats else "nhwc"
    torch.manual_seed(0)
    graph = ExportGraph(build(NETWORKS[name]).eval(), output="logits", layout=layout)
    images = generated_images(3, size=(70, 97), number=1)
    given = images if layout == "nchw" else images.permute(0, 2, 3, 1).contiguous()
    with torch.no_grad():
        expected = graph(given)  # other tests of exports compare it with the model
    program = record_at(graph, (70, 97), floats=floats)
    with torch.no_grad():
        found = program.module()(given.float() if floats else given)
    assert float((found - expected).abs().max() / expected.std()) < 1e-5
    operations = {str(node.target).rpartition(".")[0] for node in program.graph.nodes if node.op == "call_function"}
    assert operations <= CONVERTIBLE, operations - CONVERTIBLE
    saved = {spec.target for spec in program.graph_signature.input_specs if spec.persistent is False}
    assert not saved, "converters lose buffers that are not saved"


class Stub:
    """An engine that answers with the labels of the weights, some of them changed."""

    changed = 0
    name = "stub"

    def __init__(self, path, description):
        assert path.read_bytes() == b"converted"
        self.description = description

    def __call__(self, images):
        logits = self.model.logits(torch.from_numpy(images).permute(0, 3, 1, 2)).detach()
        labels = logits.argmax(dim=1).to(torch.uint8).numpy()
        labels.reshape(-1)[: self.changed] = (labels.reshape(-1)[: self.changed] + 1) % logits.shape[1]
        return labels


@pytest.fixture
def converter(monkeypatch):
    """Conversion to LiteRT without its library."""
    monkeypatch.setattr(phone, "check_converter", lambda *_: None)
    monkeypatch.setattr(phone, "write_litert", lambda *given: given[1].write_bytes(b"converted"))
    monkeypatch.setattr(phone, "LiteRtEngine", Stub)


@pytest.mark.usefixtures("converter")
def test_a_file_gets_its_name_only_with_its_proof(exported, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Stub, "model", exported.weights.model, raising=False)
    proof = export_phone(exported.weights, tmp_path / "a.tflite", size=(33, 49))
    assert {path.name for path in tmp_path.iterdir()} == {"a.tflite", "a.tflite.proof.json", "a.tflite.proof.md"}
    assert [(one.size, one.pixels, one.equal) for one in proof.comparisons] == [((33, 49), 33 * 49, 33 * 49)] * 5
    assert main(["info", str(tmp_path / "a.tflite")]) == 2
    assert "a.tflite was written by atrous export for phones; give the weights" in capsys.readouterr().err
    monkeypatch.setattr(Stub, "changed", 40)
    with pytest.raises(ProofError, match=r"b.tflite is not written"):
        export_phone(exported.weights, tmp_path / "b.tflite", size=(33, 49))
    assert not [path for path in tmp_path.iterdir() if "b." in path.name]
    tolerant = export_phone(exported.weights, tmp_path / "c.tflite", size=(33, 49), gate=0.97)
    assert np.isclose(tolerant.equal_share, 1 - 40 / (33 * 49))


def package(_, path, **__):
    """Stand in for Core ML's library, which writes a folder."""
    (path / "Data").mkdir(parents=True)
    (path / "Manifest.json").write_text("new")


def interrupted(path, target, replace=Path.replace):
    """Moves, but the new package, at which somebody presses Ctrl-C."""
    if path.name == "a.mlpackage" and path.parent.suffix == ".part":
        raise KeyboardInterrupt
    return replace(path, target)


def test_an_older_package_is_replaced_and_no_other_folder(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(phone, "check_converter", lambda *_: None)
    monkeypatch.setattr(phone, "record_at", lambda *_, **__: None)
    monkeypatch.setattr(phone, "write_coreml", package)
    for _ in range(2):
        assert export_phone(exported.weights, tmp_path / "a.mlpackage", size=(33, 33)) is None
        assert (tmp_path / "a.mlpackage/Manifest.json").read_text() == "new"
        (tmp_path / "a.mlpackage/Manifest.json").write_text("old")
        assert [path.name for path in tmp_path.iterdir()] == ["a.mlpackage"]
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            export_phone(exported.weights, tmp_path / "a.mlpackage", size=(33, 33))
    assert (tmp_path / "a.mlpackage/Manifest.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.mlpackage"]
    (tmp_path / "a.mlpackage/notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"cannot write .*a\.mlpackage: it is a folder"):
        export_phone(exported.weights, tmp_path / "a.mlpackage", size=(33, 33))
    assert (tmp_path / "a.mlpackage/Manifest.json").read_text() == "old"


@pytest.mark.parametrize(
    ("suffix", "package", "extra"),
    [("pte", "executorch", "executorch"), ("mlpackage", "coremltools", "coreml")],
)
def test_a_missing_converter_is_one_line_and_no_file(suffix, package, extra, exported, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"pip install 'atrous\[{extra}\]'"):
        export_phone(exported.weights, tmp_path / f"a.{suffix}", size=(33, 33))
    assert not list(tmp_path.iterdir())


def test_the_converter_of_litert_has_an_environment_of_its_own(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(phone_file, "installed", lambda _: False)
    with pytest.raises(InputError, match="pip install litert-torch, then pip install atrous"):
        export_phone(exported.weights, tmp_path / "a.tflite", size=(33, 33))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ("--out a.tflite --precision int8 --calibration x", "leave --precision and --calibration out"),
        ("--out a.pte --opset 20", "leave --opset out"),
        ("--out a.tflite --format executorch", "is no file of --format executorch; give one that ends in .pte"),
        ("--out a.mlpackage --gate 1.01", "--gate: a.mlpackage cannot be compared here"),
        ("--out a.onnx --size 33 33", "--size is for phones"),
        ("--out a.tflite --size 0 33", "--size 0 33: a side of a file of one size is 1 to 4096 pixels"),
        ("--out a.xyz", "no format has the suffix '.xyz'"),
    ],
)
def test_options_that_do_not_fit_are_one_line(options, line, exported, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    weights = exported.path.with_name("weights.safetensors")
    assert main(["export", str(weights), *options.split()]) == 2
    said = capsys.readouterr().err
    assert line in said, said
    assert not list(tmp_path.iterdir())


def test_suffixes_name_formats(tmp_path):
    assert phone_format(tmp_path / "a.TFLITE") == "litert"
    assert phone_format(tmp_path / "a.onnx") is None
