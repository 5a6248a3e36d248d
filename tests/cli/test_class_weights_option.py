"""A file of class weights in place of the class balance of a recipe that has one."""

import json

import numpy as np
import pytest

import atrous
from atrous.cli.main import main
from atrous.data.class_weights import write_class_weights
from atrous.data.dataset import open_data
from fakes.camvid import fake_camvid

pytestmark = pytest.mark.usefixtures("nothing_drawn")

SMALL = (
    "--recipe camvid --device cpu --iterations 2 --batch-size 2 --crop 17 17 --depth-multiplier 0.1 --aspp-channels 8 "
    "--backbone-weights None --workers 0 --precision float32"
)


@pytest.fixture
def data(tmp_path):
    return fake_camvid(tmp_path / "camvid")


@pytest.fixture
def weights(data, tmp_path):
    path = tmp_path / "weights.json"
    write_class_weights(path, np.linspace(0.5, 3.0, 11), space=open_data(data, split="train").labels)
    return path


def loss_settings(out):
    return json.loads((out / "config.json").read_text())["training"]["loss"]


def test_it_replaces_the_balance_of_the_recipe(data, weights, tmp_path):
    train = ["train", str(data), *SMALL.split()]
    assert main([*train, "--out", str(tmp_path / "own"), "--class-weights", str(weights)]) == 0
    found = loss_settings(tmp_path / "own")
    assert (found["class_weights"], found["class_balance"]) == (str(weights), 0.0)
    assert main([*train, "--out", str(tmp_path / "recipe")]) == 0
    assert loss_settings(tmp_path / "recipe")["class_balance"] == 0.4


def test_it_does_so_from_python(data, weights, tmp_path):
    atrous.train(data, out=tmp_path / "run", recipe="camvid", device="cpu", iterations=2, batch_size=2, crop=17,
                 depth_multiplier=0.1, aspp_channels=8, backbone_weights=None, workers=0, precision="float32",
                 class_weights=weights)  # fmt: skip
    assert loss_settings(tmp_path / "run") == {**loss_settings(tmp_path / "run"), "class_balance": 0.0,
                                               "class_weights": str(weights)}  # fmt: skip


def test_both_given_are_refused(data, weights, tmp_path, capsys):
    options = [*SMALL.split(), "--class-weights", str(weights), "--class-balance", "0.5"]
    assert main(["train", str(data), "--out", str(tmp_path / "run"), *options]) == 2
    assert "class-balance and class-weights both weigh the classes; give one of them" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
