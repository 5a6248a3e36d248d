"""`atrous evaluate` from the command line to the files."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import atrous
from atrous.cli.main import main
from atrous.data.dataset import open_data
from atrous.data.published.camvid import CAMVID
from atrous.data.schema import Schema, write_schema
from atrous.errors import InputError
from atrous.evaluation.evaluate import evaluate
from fakes.camvid import fake_camvid
from fakes.lively_model import LABELS, lively_model


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "camvid.safetensors"
    atrous.save(path, lively_model(classes=11), labels=CAMVID, provenance={})
    return str(path)


@pytest.fixture(scope="module")
def camvid(tmp_path_factory):
    return str(fake_camvid(tmp_path_factory.mktemp("camvid")))


def test_numbers_are_those_of_the_library_and_say_how_they_were_measured(weights, camvid, tmp_path, capsys):
    options = ["--output-stride", "8", "--scales", "0.5", "1", "--flip", "--device", "cpu"]
    files = ["--json", str(tmp_path / "new/report.json"), "--html", str(tmp_path / "report.html")]
    assert main(["evaluate", weights, "--data", camvid, "--split", "val", *options, *files]) == 0
    found = json.loads((tmp_path / "new/report.json").read_text())
    archive = atrous.load(weights)
    predictor = atrous.Predictor(archive, output_stride=8, scales=(0.5, 1.0), flip=True)
    expected = evaluate(predictor, open_data(Path(camvid), split="val"))
    images = found.pop("images")
    assert found == json.loads(json.dumps(expected.to_json()))
    assert [(one["name"], one["sequence"]) for one in images] == [
        ("0016E5_07959", "0016E5"),
        ("0016E5_07961", "0016E5"),
    ]
    assert set(found["iou"]) == set(CAMVID.names)
    assert found["protocol"]["weights_sha256"] == archive.sha256
    assert found["protocol"]["data"]["split"] == "val"
    printed = capsys.readouterr().out
    assert f"{expected.miou:.4f}" in printed
    assert all(name in printed for name in CAMVID.names)
    assert f"numbers  {tmp_path / 'new/report.json'}" in printed
    assert f"page     {tmp_path / 'report.html'}" in printed
    assert (tmp_path / "report.html").read_text().count("<img ") == 8


def test_without_files_it_prints(weights, camvid, capsys):
    assert main(["evaluate", weights, "--data", camvid]) == 0
    assert "output stride" in capsys.readouterr().out


def test_the_data_may_follow_the_weights_without_a_name(weights, camvid, capsys):
    assert main(["evaluate", weights, "--data", camvid]) == 0
    named = capsys.readouterr().out
    assert main(["evaluate", weights, camvid]) == 0
    assert capsys.readouterr().out == named


def test_a_terminal_without_unicode_gets_its_table(weights, camvid, monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stdout)
    assert main(["evaluate", weights, "--data", camvid]) == 0
    stdout.flush()
    assert b"Bicyclist" in stdout.buffer.getvalue()


def test_every_pixel_that_is_labelled_counts(weights, camvid, tmp_path):
    assert main(["evaluate", weights, "--data", camvid, "--json", str(tmp_path / "report.json")]) == 0
    pixels = np.array(json.loads((tmp_path / "report.json").read_text())["confusion"]["pixels"])
    data = open_data(Path(camvid), split="val")
    truth = np.concatenate([data[index].labels.ravel() for index in range(len(data))])
    np.testing.assert_array_equal(pixels.sum(axis=1), np.bincount(truth, minlength=12)[:11])


def test_two_reports_are_compared(weights, camvid, tmp_path, capsys):
    files = [str(tmp_path / name) for name in ("a.json", "b.json")]
    for file, more in zip(files, ([], ["--output-stride", "8"]), strict=True):
        assert main(["evaluate", weights, "--data", camvid, "--split", "train", "--json", file, *more]) == 0
    numbers = [json.loads(Path(file).read_text()) for file in files]
    capsys.readouterr()
    assert main(["evaluate", "--compare", *files, "--across", "output_stride"]) == 0
    lines = capsys.readouterr().out.splitlines()
    mean = next(line for line in lines if line.startswith("mean")).split()
    assert mean[1:4] == [
        f"{numbers[0]['miou']:.4f}", f"{numbers[1]['miou']:.4f}", f"{numbers[1]['miou'] - numbers[0]['miou']:+.4f}"
    ]  # fmt: skip
    assert float(mean[4]) <= float(mean[3]) <= float(mean[5])
    assert lines[-3].startswith(f"A  {files[0]}  weights ")
    assert "of 3 images or sequences, paired" in lines[-1]
    assert "unlike protocols: output_stride is 16 in A, 8 in B" in bad_input(["--compare", *files], capsys)
    assert "invalid choice" in bad_input(["--compare", *files, "--across", "data"], capsys)
    assert "Missing value for argument '--compare'" in bad_input(["--compare", files[0]], capsys)
    Path(files[1]).write_text("{}")
    assert f"{files[1]}: report: field 'protocol' is missing" in bad_input(["--compare", *files], capsys)


def bad_input(arguments, capsys):
    """The one line that is told of bad input."""
    assert main(["evaluate", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    lines = told.err.strip().splitlines()
    assert len(lines) == 1, told.err
    return lines[0]


def test_weights_of_other_classes_are_one_line(camvid, tmp_path, capsys):
    path = tmp_path / "four.safetensors"
    atrous.save(path, lively_model(), labels=LABELS, provenance={})
    line = bad_input([str(path), "--data", camvid], capsys)
    assert "the weights have 4 classes but the data has 11" in line


def test_bad_data_and_options_are_one_line(weights, camvid, tmp_path, capsys):
    assert "no data folder" in bad_input([weights, "--data", str(tmp_path / "gone")], capsys)
    assert "of no known layout" in bad_input([weights, "--data", str(tmp_path)], capsys)
    assert "has no split 'vla'" in bad_input([weights, "--data", camvid, "--split", "vla"], capsys)
    assert "output stride 5 is impossible" in bad_input([weights, "--data", camvid, "--output-stride", "5"], capsys)
    assert "--data" in bad_input([weights], capsys)


def test_an_unreadable_mask_stops_the_evaluation(weights, tmp_path, capsys):
    data = fake_camvid(tmp_path / "data")
    mask = next((data / "valannot").iterdir())
    mask.write_bytes(mask.read_bytes()[:50])
    assert main(["evaluate", weights, "--data", str(data), "--json", str(tmp_path / "report.json")]) == 2
    assert mask.name in capsys.readouterr().err
    assert not (tmp_path / "report.json").exists()


def test_help_shows_an_example(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "--help"])
    assert stop.value.code == 0
    assert "Example: atrous evaluate" in capsys.readouterr().out


def test_the_precision_is_stated_and_never_chosen(weights, camvid, tmp_path, capsys):
    assert main(["evaluate", weights, "--data", camvid, "--precision", "auto"]) == 2
    assert "give float32, float16 or bfloat16" in capsys.readouterr().err
    report = tmp_path / "r.json"
    assert main(["evaluate", weights, "--data", camvid, "--precision", "bfloat16", "--json", str(report)]) == 0
    assert json.loads(report.read_text())["protocol"]["precision"] == "bfloat16"


def test_a_score_over_one_class_is_refused(weights, tmp_path, capsys):
    for number in range(3):
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(_folder(tmp_path / "images") / f"{number}.png")
        Image.fromarray(np.zeros((16, 16), np.uint8)).save(_folder(tmp_path / "masks") / f"{number}.png")
    write_schema(tmp_path / "schema.toml", Schema(CAMVID))
    assert main(["evaluate", weights, "--data", str(tmp_path), "--split", "val"]) != 0
    assert f"{CAMVID.names[0]!r} is the only class in val" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(InputError, match="is the only class in val, and a score over one class says nothing"):
        atrous.evaluate(weights, tmp_path)


def _folder(path):
    path.mkdir(exist_ok=True)
    return path
