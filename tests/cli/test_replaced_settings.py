"""Weights of a whole network in place of the backbone's that a recipe starts from."""

import json

import pytest
import torch

import atrous
from atrous.cli.main import main
from atrous.weights.load import load
from fakes.camvid import fake_camvid

pytestmark = pytest.mark.usefixtures("nothing_drawn")

SETTINGS = {
    "device": "cpu", "iterations": 1, "batch_size": 2, "crop": 17, "depth_multiplier": 0.1, "aspp_channels": 8,
    "workers": 0, "precision": "float32",
}  # fmt: skip
OPTIONS = [
    "--recipe", "camvid", "--device", "cpu", "--iterations", "1", "--batch-size", "2", "--crop", "17", "17",
    "--depth-multiplier", "0.1", "--aspp-channels", "8", "--workers", "0", "--precision", "float32",
]  # fmt: skip


@pytest.fixture
def data(tmp_path):
    return fake_camvid(tmp_path / "camvid")


@pytest.fixture
def first(data, tmp_path):
    return atrous.train(data, out=tmp_path / "first", recipe="camvid", backbone_weights=None, **SETTINGS).last


def begun_from(out):
    training = json.loads((out / "config.json").read_text())["training"]
    return training["weights"], training["backbone_weights"]


def test_they_replace_the_backbones_weights_of_the_recipe(data, first, tmp_path):
    assert main(["train", str(data), *OPTIONS, "--out", str(tmp_path / "run"), "--weights", str(first)]) == 0
    assert begun_from(tmp_path / "run") == (str(first), None)
    atrous.train(data, out=tmp_path / "python", recipe="camvid", weights=first, **SETTINGS)
    assert begun_from(tmp_path / "python") == (str(first), None)
    states = [load(tmp_path / name / "last.safetensors").model.state_dict() for name in ("run", "python")]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_none_replaces_nothing(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "empty"))
    assert main(["train", str(data), *OPTIONS, "--out", str(tmp_path / "run"), "--weights", "None"]) == 2
    assert "mobilenet_v2" in capsys.readouterr().err  # the recipe's file, which is not here


def test_both_given_are_refused(data, first, tmp_path, capsys):
    options = [*OPTIONS, "--weights", str(first), "--backbone-weights", str(first)]
    assert main(["train", str(data), "--out", str(tmp_path / "run"), *options]) == 2
    assert "weights fill the backbone, too; leave out backbone-weights" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
