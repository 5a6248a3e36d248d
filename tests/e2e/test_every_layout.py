"""Every layout and every format of labels trains, evaluates and predicts through the command line.

The published layouts are stopped and go on, too.
"""

import json
from contextlib import contextmanager

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from safetensors.torch import load_file

from atrous.cli.main import main
from atrous.data.dataset import open_data
from atrous.training import loop
from fakes.camvid import fake_camvid
from fakes.folder import fake_folder
from fakes.geotiff import GEO, write_tiff
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
SETTINGS = [
    "--recipe", "scenes", "--device", "cpu", "--validate-every", "2", "--norm-momentum", "1", "--warmup", "0",
    "--batch-size", "2", "--crop", "17", "17", "--depth-multiplier", "0.1", "--aspp-channels", "8", "--workers", "0",
    "--iterations", "4",
]  # fmt: skip


@pytest.fixture
def stopped_after_a_step(monkeypatch):
    """A context in which `atrous train` is interrupted as by Ctrl-C, when it begins its third step."""
    step = loop.train_step

    def interrupted(state, *args, **options):
        if state.iteration == 2:
            raise KeyboardInterrupt
        return step(state, *args, **options)

    @contextmanager
    def patched():
        with monkeypatch.context() as context:
            context.setattr(loop, "train_step", interrupted)
            yield

    return patched


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_drawn")
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_lives_its_whole_life(tmp_path, name, stopped_after_a_step):
    fake, split, val = LAYOUTS[name]
    data, out, whole = tmp_path / "data", tmp_path / "run", tmp_path / "whole"
    fake(data)
    command = ["train", str(data), "--split", split, "--val-split", val, *SETTINGS]
    if name in PUBLISHED:  # a run that was stopped does not ask how its labels were written
        with stopped_after_a_step():
            assert main([*command, "--out", str(out)]) == 130
    assert main([*command, "--out", str(out)]) == 0
    if name in {"trainaug", "coco"}:  # two folders, an index; test_run.py and test_stages.py compare the simplest
        assert main([*command, "--out", str(whole)]) == 0
        gone_on, undisturbed = (load_file(run / "last.safetensors") for run in (out, whole))
        assert all(torch.equal(gone_on[key], undisturbed[key]) for key in gone_on.keys() | undisturbed.keys())
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


def told(capsys):
    return capsys.readouterr().err


@pytest.mark.slow
def test_five_bands_with_a_place_on_earth(tmp_path, capsys):
    data, out, generator = fake_folder(tmp_path / "data"), tmp_path / "run", np.random.default_rng(0)
    for path in sorted((data / "images").iterdir()):
        bands = generator.integers(0, 256, (12, 16, 5), dtype=np.uint8)
        write_tiff(path.with_suffix(".tif"), bands, geo=True)
        path.unlink()
    command = ["train", str(data), "--out", str(out), *SETTINGS, "--jitter", "0"]
    assert main(command) == 2
    assert "has 5 channels, the model takes 3; train with --in-channels 5" in capsys.readouterr().err
    assert main([*command, "--in-channels", "5"]) == 0
    weights, pictures = str(out / "last.safetensors"), str(data / "images")
    assert main(["evaluate", weights, "--data", str(data), "--html", str(tmp_path / "a.html"), "--device", "cpu"]) == 0
    assert main(["predict", weights, pictures, "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    with tifffile.TiffFile(tmp_path / "out/photo1_labels.tif") as file, Image.open(tmp_path / "out/photo1.png") as png:
        np.testing.assert_array_equal(file.pages[0].asarray(), np.array(png))
        assert {tag: file.pages[0].tags[tag].value for tag in GEO} == GEO
