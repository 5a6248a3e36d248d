import numpy as np
import pytest

from atrous.data.formats.images import read_labels
from atrous.data.published.camvid import CAMVID, open_camvid
from atrous.data.schema import Schema, apply_schema
from atrous.errors import InputError
from atrous.labels import LabelSpace
from fakes.camvid import FRAMES, fake_camvid


def test_lists_are_followed_in_their_order_whatever_prefix_they_keep(tmp_path):
    data = open_camvid(fake_camvid(tmp_path), split="train")
    assert data.names == list(FRAMES["train"])
    sample = data[2]
    assert (sample.name, sample.sequence) == ("0006R0_f00930", "0006R0")
    np.testing.assert_array_equal(sample.image[..., 0], sample.labels * 20)  # as fake_camvid draws them
    assert sample.labels.dtype == np.uint8
    assert data.labels == CAMVID


def test_sequences_can_be_held_out_and_asked_for(tmp_path):
    folder = fake_camvid(tmp_path)
    splits = {name: open_camvid(folder, split=name) for name in ("train-0006R0", "0006R0", "train-0001TP-0016E5")}
    assert splits["train-0006R0"].names == ["0001TP_006690", "0001TP_006720", "0016E5_00390"]
    assert splits["0006R0"].names == splits["train-0001TP-0016E5"].names == ["0006R0_f00930", "0006R0_f00960"]
    assert splits["train-0006R0"].describe() == {
        "name": "CamVid",
        "split": "train-0006R0",
        "split_rule": "train.txt without sequence 0006R0",
        "images": 3,
        "licence": "research and personal use only (CC BY-NC 4.0, SegNet tutorial)",
    }
    assert splits["0006R0"].describe()["split_rule"] == "sequence 0006R0 of train.txt"


@pytest.mark.parametrize("split", ["", "test", "0006R1", "train-", "train-0006R1", "0006R0-0001TP", "val-0001TP"])
def test_unknown_splits_are_refused_with_the_choice(tmp_path, split):
    with pytest.raises(InputError, match="choose from train, val, a sequence"):
        open_camvid(fake_camvid(tmp_path), split=split)


def test_nothing_left_is_an_error(tmp_path):
    with pytest.raises(InputError, match="leaves no frames"):
        open_camvid(fake_camvid(tmp_path), split="val-0016E5")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("/SegNet/CamVid/train/x.png", "an image and a mask"),
        ("/a/train/x.png /a/trainannot/x.png", "does not exist"),
        ("../../etc/passwd /etc/passwd", "does not exist"),
    ],
)
def test_bad_lines_are_named(tmp_path, line, part):
    folder = fake_camvid(tmp_path)
    with (folder / "train.txt").open("a") as listed:
        listed.write(f"\n{line}\n")
    with pytest.raises(InputError) as error:
        open_camvid(folder, split="train")
    assert "train.txt line 7" in str(error.value)
    assert part in str(error.value)


def test_other_data_in_this_layout_brings_its_own_schema(tmp_path):
    space = LabelSpace(names=tuple("abcdefghijkl"))
    data = open_camvid(fake_camvid(tmp_path / "mine"), split="val", schema=Schema(space))
    assert (data.labels, data.name, data.licence) == (space, "mine", "not stated")
    assert data[0].labels.max() == 11


@pytest.mark.shared
def test_class_order_gives_the_published_class_weights(shared):
    """SegNet's weights, median frequency / frequency: they pin names, order and ignore value to the real files."""
    pixels, possible = np.zeros(12), np.zeros(12)
    data = open_camvid(shared / "data/camvid", split="train")
    for pair in data.pairs:
        labels = apply_schema(read_labels(pair.mask), schema=data.schema, path=pair.mask)
        counts = np.bincount(labels.ravel(), minlength=12)
        pixels += counts
        possible += (counts > 0) * labels.size
    frequency = pixels / possible
    weights = dict(zip([*CAMVID.names, "unlabelled"], np.median(frequency) / frequency, strict=True))
    published = {
        "Sky": 0.2595, "Building": 0.1826, "Pole": 4.5640, "Road": 0.1417, "Pavement": 0.9051, "Tree": 0.3826,
        "Fence": 1.8418, "Car": 0.6823, "Pedestrian": 6.2478, "Bicyclist": 7.3614, "unlabelled": 1.0974,
    }  # fmt: skip
    for name, weight in published.items():
        assert weights[name] == pytest.approx(weight, rel=0.11), name
    # SignSymbol was 9.6 when SegNet counted; the files here have more signs, but no other class comes near.
    assert 3 < weights["SignSymbol"] < 4
