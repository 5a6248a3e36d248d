"""Times of engines: what is kept, and the engine that is taken by them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atrous.cli.inference import Inference
from atrous.cli.main import main
from atrous.errors import InputError
from atrous.export import engine_bench
from atrous.export.engine_bench import measure_engines
from atrous.inference.engines.engine_times import Circumstances, EngineTime, EngineTimes, kept_times, quickest_engine
from atrous.inference.engines.proof_record import proof_path, read_proof
from atrous.inference.predictor import Predictor


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def file(exported, tmp_path) -> Path:
    """The exported file with its proof."""
    for path in (exported.path, proof_path(exported.path)):
        shutil.copy(path, tmp_path / path.name)
    return tmp_path / exported.path.name


@pytest.fixture
def here(exported):
    return Circumstances.here(exported.weights.sha256, output_stride=16)


def keep(here, *seconds: float, file: Path) -> None:
    """Keep times of torch and, for each further number, of ONNX Runtime."""
    torch_time, *others = seconds
    engines = [EngineTime("torch 2", "float32", torch_time, equal_share=1.0)]
    engines += [EngineTime("onnxruntime 1", "float32", one, equal_share=1.0, file=str(file)) for one in others]
    EngineTimes(here, (513, 513), tuple(engines)).keep()


def choice(here, name=""):
    return quickest_engine(here.weights_sha256, output_stride=here.output_stride, name=name)


def test_engines_are_timed_and_the_times_are_kept(exported, file, monkeypatch):
    monkeypatch.setattr(engine_bench, "_exported", lambda *_: file)
    done = list[tuple[int, int]]()
    measured = measure_engines(
        exported.weights, size=(33, 40), rounds=2, on_progress=lambda *counts: done.append(counts)
    )
    engines = measured.times.engines
    assert [one.engine.partition(" ")[0] for one in engines] == ["torch", "onnxruntime", "onnxruntime"]
    assert all(0 < one.seconds < 60 for one in engines)
    assert [one.equal_share for one in engines] == [1.0, *[read_proof(file).equal_share] * 2]
    assert done == [(number, 5) for number in range(1, 6)]
    measured.times.keep()
    assert kept_times(measured.times.circumstances) == measured.times


def test_what_cannot_be_exported_is_named_and_the_others_are_timed(exported, monkeypatch):
    def refused(*_):
        raise InputError("labels.onnx is not written")

    monkeypatch.setattr(engine_bench, "_exported", refused)
    measured = measure_engines(exported.weights, size=(9, 9), rounds=1)
    assert [one.file for one in measured.times.engines] == [None]
    assert measured.problems == ("labels.onnx is not written",) * 2


def test_files_of_other_weights_are_one_line(exported, file):
    with pytest.raises(InputError, match="was made from other weights"):
        measure_engines(replace(exported.weights, sha256="0" * 64), size=(9, 9), rounds=1, files=[file])


def test_the_quickest_engine_is_taken(here, file):
    keep(here, 0.020, 0.010, file=file)
    found = choice(here)
    assert (found.file, found.engine) == (file, "onnxruntime 1, float32")
    assert found.reason.startswith("10.0 ms at 513x513 against 20.0 ms in torch, ")
    keep(here, 0.020, 0.030, file=file)
    assert choice(here).file is None
    assert choice(here).reason == "the quickest engine, 20.0 ms at 513x513"
    assert choice(here, "onnxruntime").file == file
    assert choice(here, "openvino").reason == "no such engine was measured"


@pytest.mark.parametrize("circumstance", [{"processor": "another"}, {"threads": 99}, {"versions": {"torch": "1"}}])
def test_times_of_other_circumstances_do_not_count(here, file, circumstance):
    keep(replace(here, **circumstance), 0.020, 0.010, file=file)
    assert choice(here).reason.startswith("atrous bench --engines has not run")


def test_altered_files_and_failed_proofs_are_not_taken(here, file):
    keep(here, 0.020, 0.010, file=file)
    proof = json.loads(proof_path(file).read_text())
    proof_path(file).write_text(json.dumps({**proof, "passed": False}))
    assert choice(here).file is None
    proof_path(file).write_text(json.dumps(proof))
    file.write_bytes(file.read_bytes() + b" ")
    assert choice(here).file is None
    with pytest.raises(InputError, match=r"not the file that labels\.onnx\.proof\.json is the proof of"):
        read_proof(file)
    assert "its sha256 differs" in choice(here, "onnx").reason
    file.unlink()
    assert "labels.onnx cannot be read: No such file" in choice(here, "onnx").reason


@pytest.mark.parametrize("content", ["", "[]", "{", '{"engines": 1}', "[" * 100_000])
def test_damaged_times_are_none(here, content):
    path = here.folder / "times.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert kept_times(here) is None


def test_predictions_take_the_engine_and_say_so(here, file, exported, tmp_path, capsys):
    picture = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 53, 3), dtype=np.uint8)).save(picture)
    keep(here, 0.020, 0.010, file=file)
    weights = exported.path.with_name("weights.safetensors")
    command = ["predict", str(weights), str(picture), "--out", str(tmp_path / "labels"), "--no-overlay", "--engine"]
    assert main([*command, "auto"]) == 0
    assert "engine   onnxruntime 1, float32: 10.0 ms at 513x513 against 20.0 ms" in capsys.readouterr().err
    expected = Predictor(file)(picture).labels
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "labels" / "photo.png")), expected)
    assert main([*command, "openvino"]) == 2
    assert "--engine openvino: no such engine was measured; leave it out" in capsys.readouterr().err


def test_what_exported_files_cannot_do_stays_in_torch(here, file, exported, capsys):
    keep(here, 0.020, 0.010, file=file)
    assert Inference(engine="auto").predictor_of(exported.weights).is_exported
    capsys.readouterr()
    assert not Inference(engine="auto", flip=True).predictor_of(exported.weights).is_exported
    assert capsys.readouterr().err == "engine   torch: mirrored pictures are not for exported files\n"
    inference = Inference(engine="onnxruntime")
    with pytest.raises(InputError, match="--engine onnxruntime: probabilities are not for exported files"):
        inference.predictor_of(exported.weights, beyond_labels="probabilities")
    with pytest.raises(InputError, match="an engine of its own; leave out --engine"):
        inference.predictor(str(file))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["deeplabv3_mobilenet_v2", "--engines"], "times trained weights"),
        (["w.safetensors", "--engines", "--device", "cuda"], "leave out --picture and --device"),
        (["w.safetensors", "--files", "a.onnx"], "--files is for --engines"),
    ],
)
def test_bad_options_are_one_line(arguments, said, capsys):
    assert main(["bench", *arguments]) == 2
    error = capsys.readouterr().err.strip()
    assert said in error
    assert len(error.splitlines()) == 1
