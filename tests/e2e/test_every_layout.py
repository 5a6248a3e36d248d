"""Every layout and every format of labels trains, stops, goes on, evaluates and predicts through the command line."""

import json

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.dataset import open_data
from fakes.camvid import fake_camvid
from fakes.folder import fake_folder
from fakes.own_labels import FORMATS
from fakes.published import fake_ade20k, fake_cityscapes, fake_coco, fake_sbd, fake_voc


def fake_trainaug(folder):
    fake_voc(folder)
    fake_sbd(folder)


PUBLISHED = {
    "camvid": (fake_camvid, "train", "val"),
    "folder": (fake_folder, "train", "val"),
    "voc": (fake_voc, "train", "val"),
    "trainaug": (fake_trainaug, "trainaug", "val"),
    "cityscapes": (fake_cityscapes, "trainval_coarse", "val"),
    "ade20k": (fake_ade20k, "train", "val"),
    "coco": (fake_coco, "train", "val"),
}
LAYOUTS = PUBLISHED | {f"own {name}": (fake, "train", "val") for name, fake in FORMATS.items()}
SETTINGS = (
    "--recipe scenes --device cpu --validate-every 2 --norm-momentum 1 --warmup 0 --batch-size 2 --crop 17 17 "
    "--depth-multiplier 0.1 --aspp-channels 8 --workers 0 --iterations 2"
).split()


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_lives_its_whole_life(tmp_path, name):
    fake, split, val = LAYOUTS[name]
    data, out = tmp_path / "data", tmp_path / "run"
    fake(data)
    command = ["train", str(data), "--out", str(out), "--split", split, "--val-split", val, *SETTINGS]
    assert main(command) == 0
    assert main(command) == 0  # finds itself done
    weights, report = str(out / "last.safetensors"), tmp_path / "report.json"
    options = ["--data", str(data), "--split", val, "--json", str(report), "--device", "cpu"]
    assert main(["evaluate", weights, *options]) == 0
    numbers, truth = json.loads(report.read_text()), open_data(data, split=val)
    labels = [truth[index].labels for index in range(len(truth))]
    counted = np.sum(
        [np.bincount(ids[ids != truth.labels.ignore], minlength=len(truth.labels)) for ids in labels], axis=0
    )
    assert np.sum(numbers["confusion"]["pixels"], axis=1).tolist() == counted.tolist()
    assert numbers["protocol"]["data"]["images"] == len(truth)
    picture = truth.pairs[0].image
    assert main(["predict", weights, str(picture), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    with Image.open(tmp_path / "out" / f"{picture.stem}.png") as predicted:
        assert predicted.size == labels[0].shape[::-1]
        assert np.array(predicted).max() < len(truth.labels)
