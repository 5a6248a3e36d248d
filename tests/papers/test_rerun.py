"""A table of the papers from the command line to its files, stopped and gone on with."""

import hashlib
import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

import atrous
from atrous.analysis.summary import model_summary
from atrous.cli.main import main
from atrous.errors import DivergedError, InputError
from atrous.model.presets import PRESETS
from atrous.papers.trainings import run_folder, train_once
from atrous.papers.v3 import table3
from atrous.plain import to_plain
from atrous.training.config import TrainConfig
from fakes.paper_tables import tiny_data, tiny_experiment

pytestmark = pytest.mark.usefixtures("nothing_drawn")

OPTIONS = ["--backbone", "resnet18", "--width", "0.02", "--iterations", "1", "--crop", "33", "--batch-size", "2"]
LATER = ("degradation", "norm_images", "logit_adjustment")
"""Settings that older folders lack."""

KEYS = ["name", "paper", "ours", "interval", "multiply_adds", "parameters", "seconds"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_data(tmp_path_factory.mktemp("camvid"))


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    """Rows 1 and 4 of DeepLabv3's Table 3, run by the command."""
    out = tmp_path_factory.mktemp("table3")
    arguments = ["paper", "v3-table3", "--data", str(data), "--out", str(out), "--rows", "1,4", "--workers", "0"]
    assert main([*arguments, *OPTIONS, "--device", "cpu"]) == 0
    return out


def written(out):
    return json.loads((out / "table.json").read_text())["rows"]


def test_rows_are_the_papers_and_numbers_are_those_of_evaluate(finished, data):
    rows = written(finished)
    assert [list(row) for row in rows] == [KEYS] * 20
    assert [row["paper"] for row in rows[:4]] == [68.39, 73.21, 75.34, 75.76]
    assert [number for number, row in enumerate(rows, 1) if row["ours"] is not None] == [1, 4]
    for number, last_block in ((1, 4), (4, 7)):
        report = finished.glob(f"rows/{number:02d}-*/seed0.json")
        sha = json.loads(next(report).read_text())["protocol"]["weights_sha256"]
        archive = next(
            found for path in finished.glob("runs/*/last.safetensors") if (found := atrous.load(path)).sha256 == sha
        )
        assert archive.model.config.backbone.added_blocks == last_block - 4
        again = atrous.evaluate(archive, data, split="val", output_stride=16)
        assert rows[number - 1]["ours"] == pytest.approx(100 * again.miou, abs=6e-4)
        counted = model_summary(replace(archive.model.config, classes=21), size=(513, 513))
        assert rows[number - 1]["multiply_adds"] == counted.padded_multiply_adds
        assert rows[number - 1]["parameters"] == counted.parameters
        assert rows[number - 1]["seconds"] > 0


def test_pages_and_protocol(finished):
    protocol = json.loads((finished / "protocol.json").read_text())
    assert protocol["scale"]["width"] == 0.02
    assert protocol["scale"]["iterations"] == protocol["training"]["iterations"] == 1
    assert protocol["rows"] == [1, 4]
    assert protocol["data"]["validation"]["images"] == 2
    text = (finished / "table.md").read_text()
    assert text.count("| (1, 2, 4) |") == 4
    assert "not run" in text
    page = (finished / "table.html").read_text()
    assert "<svg" in page
    assert "(2, 2, 2), paper" in page
    statements = json.loads((finished / "conclusions.json").read_text())["conclusions"]
    assert [(found["paper"], found["verdict"]) for found in statements[:2]] == [(5.06, "not run"), (0.9, "not run")]
    assert statements[3]["ours"] == pytest.approx(written(finished)[3]["ours"] - written(finished)[0]["ours"], abs=2e-3)


def test_finished_rows_are_not_run_again_and_later_ones_are_added(finished, data, tmp_path):
    out = tmp_path / "copy"
    shutil.copytree(finished, out)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("rows/*/seed*.json")}
    result = tiny_experiment(table3.TABLE, data, out, backbone="resnet18", chosen=(1, 5)).run()
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert [number for number, found in enumerate(result.rows, 1) if found.seeds] == [1, 4, 5]
    assert len([*out.glob("runs/*/last.safetensors")]) == 3


def test_a_stopped_row_resumes_its_run(data, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(text, done, total):
        assert 0 <= done <= total
        if "step 10" in text:
            raise StoppedError

    def experiment(out):
        return tiny_experiment(table3.TABLE, data, out, backbone="resnet18", chosen=(1,), iterations=12)

    with pytest.raises(StoppedError):
        experiment(tmp_path / "stopped").run(on_progress=stop)
    assert not [*tmp_path.glob("stopped/rows/*/*.json")]
    steps = []
    resumed = experiment(tmp_path / "stopped").run(on_progress=lambda text, *_: steps.append(text))
    assert not any("step 10" in text for text in steps)
    undisturbed = experiment(tmp_path / "whole").run()
    states = [load_file(next(tmp_path.glob(f"{name}/runs/*/last.safetensors"))) for name in ("stopped", "whole")]
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name]), name
    assert resumed.rows[0].ours == undisturbed.rows[0].ours


def test_a_training_that_diverges_is_told_and_the_next_row_runs(data, tmp_path, capsys, monkeypatch):
    def train(config, **rest):
        if config.model.backbone.added_blocks == 0 and not mended:
            raise DivergedError("the loss became nan at iteration 3")
        return train_once(config, **rest)

    mended = False
    monkeypatch.setattr("atrous.papers.rerun.train_once", train)
    arguments = ["paper", "v3-table3", "--data", str(data), "--out", str(tmp_path), "--rows", "1,4", "--workers", "0"]
    assert main([*arguments, *OPTIONS, "--device", "cpu"]) == 1
    first = table3.TABLE.rows[0].name
    assert f"atrous paper: {first}: the loss became nan at iteration 3\n" in capsys.readouterr().err
    assert "| diverged |" in (tmp_path / "table.md").read_text()
    assert [number for number, row in enumerate(written(tmp_path), 1) if row["ours"] is not None] == [4]
    mended = True
    assert main([*arguments, *OPTIONS, "--device", "cpu"]) == 0
    assert "| diverged |" not in (tmp_path / "table.md").read_text()
    assert [number for number, row in enumerate(written(tmp_path), 1) if row["ours"] is not None] == [1, 4]


def test_another_protocol_is_refused(finished, data):
    with pytest.raises(InputError, match=r"another protocol \(scale width: 0.02 there, 0.04 now\)"):
        tiny_experiment(table3.TABLE, data, finished, backbone="resnet18", width=0.04).run()


def test_a_folder_from_before_a_setting_existed_goes_on(finished, data, tmp_path, monkeypatch):
    """Its protocol lacks the setting, and trainings have the names that they had."""
    out = tmp_path / "table3"
    shutil.copytree(finished, out)
    protocol = json.loads((out / "protocol.json").read_text())
    for name in LATER:
        del protocol["training"][name]
    (out / "protocol.json").write_text(json.dumps(protocol))
    monkeypatch.setattr("atrous.papers.rerun.train_once", lambda *_, **__: pytest.fail("trained again"))
    arguments = ["paper", "v3-table3", "--data", str(data), "--out", str(out), "--rows", "1,4", "--workers", "0"]
    assert main([*arguments, *OPTIONS, "--device", "cpu"]) == 0
    training = json.loads((out / "protocol.json").read_text())["training"]
    assert [training[name] for name in LATER] == [0, 0, 0]

    config = TrainConfig(model=PRESETS["deeplabv3plus_resnet50_beta"])
    older = {name: value for name, value in to_plain(replace(config, workers=0)).items() if name not in LATER}
    del older["model"]["decoder"]["fine_channels"]
    digest = hashlib.sha256(json.dumps(older, sort_keys=True).encode()).hexdigest()[:12]
    assert run_folder(out, config).name == f"resnet-os16-{digest}"
    fine = replace(config.model, decoder=replace(config.model.decoder, fine_channels=8))
    for later in (
        replace(config, degradation=0.5),
        replace(config, norm_images=8),
        replace(config, logit_adjustment=0.5),
        replace(config, model=fine),
    ):
        assert run_folder(out, later).name != f"resnet-os16-{digest}"


def test_bad_rows_and_names(data, tmp_path, capsys):
    with pytest.raises(InputError, match="row 21 does not exist; v3-table3 has rows 1 to 20"):
        tiny_experiment(table3.TABLE, data, tmp_path, chosen=(21,))
    assert main(["paper", "v3-tabel3"]) == 2
    assert "did you mean 'v3-table3'?" in capsys.readouterr().err
    assert main(["paper", "--data", str(data)]) == 2
    assert main(["paper", "v3-table3", "--data", str(data), "--backbone", "mobilenet_v2", "--out", str(tmp_path)]) == 2
    assert "blocks in cascade exist on ResNets alone" in capsys.readouterr().err


def test_rows_of_a_table_without_data(capsys):
    assert main(["paper", "v3-table3", "--backbone", "resnet18", "--width", "0.02"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("v3-table3: Multi_Grid")
    assert len(lines) == 3 + 20
    assert [line.split()[0] for line in lines[3:]] == [str(number) for number in range(1, 21)]
    assert [float(line.split()[5]) for line in lines[3:7]] == [68.39, 73.21, 75.34, 75.76]
