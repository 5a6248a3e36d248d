"""From images and masks to weights, numbers and label maps, all through the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from fakes.camvid import FRAMES, fake_camvid
from fakes.folder import fake_folder

CLASSES, IGNORE = 11, 11


def read(path):
    with Image.open(path) as image:
        return np.array(image)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return fake_camvid(tmp_path_factory.mktemp("camvid"), size=(40, 56))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "camvid"
    settings = (
        "--recipe scenes --device cpu --iterations 8 --validate-every 8 --norm-momentum 0.5 --warmup 0 "
        "--batch-size 2 --crop 33 33 --depth-multiplier 0.25 --aspp-channels 16"
    )
    assert main(["train", str(data), "--out", str(out), *settings.split()]) == 0
    return out


@pytest.mark.slow
def test_the_numbers_are_those_of_the_label_maps(data, run, tmp_path):
    weights, report = str(run / "last.safetensors"), tmp_path / "report.json"
    assert main(["evaluate", weights, "--data", str(data), "--json", str(report), "--device", "cpu"]) == 0
    pictures = [str(data / "val" / f"{name}.png") for name in FRAMES["val"]]
    assert main(["predict", weights, *pictures, "--out", str(tmp_path / "labels"), "--device", "cpu"]) == 0

    pixels = np.zeros((CLASSES, CLASSES), int)
    for name in FRAMES["val"]:
        truth, found = read(data / "valannot" / f"{name}.png"), read(tmp_path / "labels" / f"{name}.png")
        for row, column in zip(truth.ravel(), found.ravel(), strict=True):
            if row != IGNORE:
                pixels[row, column] += 1
    assert len(np.unique(pixels.nonzero()[1])) > 2  # a network that says one thing everywhere would prove little
    right, union = pixels.diagonal(), pixels.sum(axis=0) + pixels.sum(axis=1) - pixels.diagonal()

    numbers = json.loads(report.read_text())
    assert numbers["confusion"]["pixels"] == pixels.tolist()
    assert list(numbers["iou"].values()) == pytest.approx(list(right / union))
    assert numbers["miou"] == pytest.approx((right / union).mean())
    assert numbers["pixel_accuracy"] == pytest.approx(right.sum() / pixels.sum())
    kept = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert kept[-1]["miou"] == pytest.approx(numbers["miou"])


@pytest.mark.slow
def test_weights_of_other_classes_than_the_data(run, tmp_path, capsys):
    street = fake_folder(tmp_path / "street")
    capsys.readouterr()
    assert main(["evaluate", str(run / "last.safetensors"), "--data", str(street)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "atrous evaluate: the weights have 11 classes but the data has 3; "
        "evaluate on data with the classes that the weights were trained for\n"
    )
