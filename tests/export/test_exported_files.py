"""Exported files in the place of weights: the same predictions, and one line for what they cannot do."""

import gc
import json
import shutil
import signal

import numpy as np
import onnx
import openvino
import pytest
from PIL import Image

from atrous.cli import export as verb
from atrous.errors import InputError
from atrous.export.export import export
from atrous.inference.engines.open_engine import open_engine
from atrous.inference.engines.signal_stack import signal_stack
from atrous.inference.pipeline import predict_each
from atrous.inference.predictor import Predictor
from atrous.inference.timings import stages


@pytest.fixture
def photos():
    generator = np.random.default_rng(3)
    return [generator.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((40, 52), (33, 33), (40, 52))]


def test_openvino_files_give_the_labels_of_the_weights_and_name_their_classes(openvino_file, exported, photos):
    written = {path.name for path in openvino_file.parent.iterdir()}
    assert written == {"labels.xml", "labels.bin", "labels.xml.proof.json", "labels.xml.proof.md"}
    predictor = Predictor(openvino_file)
    for result, expected in zip(predictor(photos), Predictor(exported.weights)(photos), strict=True):
        np.testing.assert_array_equal(result.labels, expected.labels)
    assert predictor.labels == exported.weights.labels
    assert predictor.sha256 == exported.weights.sha256
    assert predictor.picture_range == Predictor(exported.weights).picture_range
    assert predictor.precision.startswith("float32 in openvino 20")
    model = openvino.Core().read_model(openvino_file)
    assert str(model.input("image").partial_shape) == "[?,?,?,3]"
    assert str(model.output("labels").partial_shape) == "[?,?,?]"
    names = json.loads(model.get_rt_info(["atrous", "labels"]).astype(str))["names"]
    assert tuple(names) == exported.weights.labels.names


def test_probabilities_and_logits_are_those_of_the_weights(recorded, tmp_path, photos):
    expected = Predictor(recorded.weights)(photos[0], probabilities=True)
    export(recorded.weights, tmp_path / "logits.xml", output="logits")
    result = Predictor(tmp_path / "logits.xml")(photos[0], probabilities=True)
    np.testing.assert_array_equal(result.labels, expected.labels)
    np.testing.assert_allclose(result.probabilities, expected.probabilities, rtol=0, atol=1e-5)


def test_weights_in_16_bits_are_half_as_large(openvino_file, recorded, tmp_path):
    proof = export(recorded.weights, tmp_path / "half.xml", precision="float16")
    sizes = [path.with_suffix(".bin").stat().st_size for path in (tmp_path / "half.xml", openvino_file)]
    assert sizes[0] < 0.55 * sizes[1]
    assert 1e-5 < max(one.logit_error for one in proof.comparisons) < 0.1
    assert Predictor(tmp_path / "half.xml").precision.startswith("float16 in openvino")


def test_engines_of_openvino_that_are_gone_leave_the_stack_of_signal_handlers(openvino_file):
    def stack():
        found = signal_stack()
        return found.address, found.flags, found.size

    before = stack()
    engines = [open_engine(openvino_file), open_engine(openvino_file)]
    while engines:  # in the order in which they came
        del engines[0]
        gc.collect()
    assert stack() == before
    received = []
    previous = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert received == [signal.SIGUSR1]


def test_the_pipeline_and_the_stages_take_exported_files(exported, photos, tmp_path):
    predictor = Predictor(exported.path)
    steps = predict_each(predictor, photos, read=lambda photo: photo, image_of=lambda photo: photo)
    for step, expected in zip(steps, Predictor(exported.weights)(photos), strict=True):
        np.testing.assert_array_equal(step.result.result().labels, expected.labels)
    picture, labels = tmp_path / "picture.png", tmp_path / "labels.png"
    Image.fromarray(photos[0]).save(picture)
    timed = stages(predictor, picture, labels, size=(40, 52), rounds=1)
    assert [stage.name for stage in timed] == ["decode", "resize", "network", "encode"]
    np.testing.assert_array_equal(np.asarray(Image.open(labels)), predictor(photos[0]).labels)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"scales": (0.5, 1.0)}, "scales"),
        ({"flip": True}, "flip"),
        ({"pad": 513}, "pad"),
        ({"output_stride": 8}, "output stride"),
        ({"device": "cuda"}, "device"),
        ({"precision": "bfloat16"}, "precision"),
    ],
)
def test_settings_that_are_built_in_are_refused(exported, settings, named):
    with pytest.raises(InputError, match=f"has its {named} built in"):
        Predictor(exported.path, **settings)


def test_what_an_exported_file_cannot_do_is_one_line(exported, photos):
    predictor = Predictor(exported.path)
    with pytest.raises(InputError, match="labels alone; export the weights again with --output probabilities"):
        predictor.probabilities(photos[0])
    with pytest.raises(InputError, match="no module of torch"):
        _ = predictor.model
    assert not predictor.allows_tiles


def test_an_exported_file_is_not_exported_again(exported, tmp_path):
    with pytest.raises(InputError, match=r"is an exported file already; export the weights that it was made of"):
        verb.main([str(exported.path), "--out", str(tmp_path / "again.onnx")])
    assert not (tmp_path / "again.onnx").exists()


@pytest.mark.parametrize("suffix", [".onnx", ".xml"])
@pytest.mark.parametrize("content", [b"", b"\x08\x07garbage" * 50, b"<net version='11'></net>"])
def test_damaged_files_are_one_line(tmp_path, suffix, content):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    path.with_suffix(".bin").write_bytes(content)
    with pytest.raises(InputError, match="model") as refused:
        open_engine(path)
    assert "\n" not in str(refused.value)


def test_files_of_others_and_half_files_are_one_line(exported, openvino_file, tmp_path):
    model = onnx.load(exported.path)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(InputError, match="was not written by atrous export"):
        open_engine(tmp_path / "foreign.onnx")
    shutil.copy(openvino_file, tmp_path)
    with pytest.raises(InputError, match=r"labels\.bin, do not lie beside it"):
        open_engine(tmp_path / openvino_file.name)
    with pytest.raises(InputError, match="is not there"):
        open_engine(tmp_path / "missing.onnx")


@pytest.mark.parametrize(
    ("name", "value"),
    [("labels", "{"), ("labels", "[" * 100_000), ("output", '"masks"'), ("in_channels", "-3"), ("labels", "{}")],
)
def test_altered_metadata_is_one_line(exported, tmp_path, name, value):
    model = onnx.load(exported.path)
    for entry in model.metadata_props:
        if entry.key == f"atrous.{name}":
            entry.value = value
    onnx.save(model, tmp_path / "altered.onnx")
    with pytest.raises(InputError, match=r"altered\.onnx"):
        open_engine(tmp_path / "altered.onnx")
