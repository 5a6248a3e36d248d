"""`atrous demo` with a handful of scenes."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from atrous.cli import demo
from atrous.cli.main import main
from atrous.data.dataset import open_data
from atrous.demo.color_classifier import ColorClassifier
from atrous.model.config import MobileNetV2Config
from atrous.training import imagenet_start


@pytest.fixture
def few_scenes(monkeypatch):
    monkeypatch.setattr(demo, "TRAIN_SCENES", 3)
    monkeypatch.setattr(demo, "VAL_SCENES", 2)


def color_miou(folder):
    """The colour classifier's mIoU, counted class by class."""
    classifier = ColorClassifier.fit(open_data(folder, split="train"))
    names = (folder / "val.txt").read_text().split()
    guesses = [classifier.predict(np.array(Image.open(folder / "images" / f"{name}.jpg"))) for name in names]
    guess, truth = (
        np.stack(guesses),
        np.stack([np.array(Image.open(folder / "masks" / f"{name}.png")) for name in names]),
    )
    counted = truth != 255
    ious = []
    for label in np.unique([*guess[counted], *truth[counted]]):
        ours, theirs = counted & (guess == label), counted & (truth == label)
        ious.append((ours & theirs).sum() / (ours | theirs).sum())
    return np.mean(ious)


@pytest.mark.slow
@pytest.mark.usefixtures("few_scenes")
def test_the_whole_life_on_one_page_and_again_without_training(tmp_path, capsys):
    command = ["demo", "--iterations", "2", "--seed", "5", "--out", str(tmp_path), "--device", "cpu"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert f"page     {tmp_path}/report.html" in printed
    assert "start    efficientnet_lite0_imagenet\n" in printed
    baseline = color_miou(tmp_path / "scenes-5")
    assert f"{baseline:.3f} (colours alone)" in printed

    page = (tmp_path / "report.html").read_text()
    row = page[page.index("per-pixel colour classifier, same training images") :]
    assert f">{baseline:.3f}<" in row[: row.index("</tr>")]
    network = float(re.search(r"mIoU +(\d\.\d+) \(output stride 16\)", printed)[1])
    ratio = float(re.search(r"scores ([\d.]+) times", page)[1])
    assert ratio == pytest.approx(network / baseline, abs=0.06)  # of rounded figures
    assert "trained from efficientnet_lite0_imagenet" in page
    for words in ("output stride 16, three scales, flip", "Good, median, worst", "Training loss", "Validation mIoU"):
        assert words in page
    assert page.count("% wrong") >= 3

    weights = (tmp_path / "run" / "last.safetensors").read_bytes()
    assert main(command) == 0
    assert capsys.readouterr().out == printed
    assert (tmp_path / "run" / "last.safetensors").read_bytes() == weights

    # More steps go on from the finished run.
    command[2] = "3"
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "the finished run of 2 iterations goes on to 3" in " ".join((printed.out + printed.err).split())
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["iteration"] for record in records if "miou" in record] == [2, 3]


def test_random_weights_where_no_imagenet_weights_are_installed(monkeypatch):
    monkeypatch.setattr(imagenet_start, "packaged_file", lambda _entry: None)
    config = demo._config(demo.Options())
    assert (config.backbone_weights, config.iterations) == (None, 350)
    assert config.model.backbone == MobileNetV2Config(depth_multiplier=0.5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--iterations 0", "--iterations 0: give at least 1"),
        ("--seed -1", "seed -1 is out of range; choose 0 to 4294967295"),
        ("--iterations many", "many"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(options, expected, tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo"), *options.split()]) == 2
    told = capsys.readouterr()
    assert (told.out, len(told.err.splitlines())) == ("", 1)
    assert expected in told.err
    assert list(tmp_path.iterdir()) == []


def test_data_of_somebody_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "file").write_text("keep me")
    assert main(["demo", "--out", str(tmp_path / "file")]) == 2
    assert "cannot write" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "keep me"
