"""What rules of names must not do: take by-products or settings for labels, lose splits, depend on the path given."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.dataset import open_data, open_splits
from fakes.layouts import SIZE


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)


def mask(values, seed=0):
    labels = np.zeros(SIZE, np.uint8)
    for place, value in enumerate(values):
        labels[2 + 2 * place : 4 + 2 * place, 3 + seed : 9 + seed] = value
    return labels


def write_pairs(folder, images, masks, *, values=(1, 2), count=6, seed=0):
    for number in range(count):
        save(folder / images / f"{seed + number}.png", picture(seed + number))
        save(folder / masks / f"{seed + number}.png", mask(values, number))


def said(folder, capsys):
    """What the doctor prints, on one line."""
    main(["doctor", str(folder)])
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("byproduct", ["instances", "edges"])
def test_by_products_of_one_split_are_no_labels(tmp_path, byproduct):
    write_pairs(tmp_path, "train/images", "train/labels")
    write_pairs(tmp_path, "val/images", "val/labels", seed=10)
    write_pairs(tmp_path, "test/images", f"test/{byproduct}", values=(1, 2, 3, 4), seed=20)
    assert {name: len(part.names) for name, part in open_splits(tmp_path).items()} == {"train": 6, "val": 6}


@pytest.mark.parametrize(
    ("name", "content"),
    [("meta.json", {"version": 1, "num_classes": 2}), ("config.json", {"seed": 0, "workers": 2, "version": 1})],
)
def test_settings_are_no_classes(tmp_path, name, content):
    write_pairs(tmp_path, "images", "masks")
    (tmp_path / name).write_text(json.dumps(content))
    assert open_data(tmp_path).labels.names == ("class 0", "class 1", "class 2")


def test_counts_are_no_classes(tmp_path):
    write_pairs(tmp_path, "images", "masks")
    for name in ("category_counts.txt", "class_counts.txt"):
        (tmp_path / name).write_text("1 images\n2 masks\n")
    assert open_data(tmp_path).labels.names == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize("form", ["folders of classes", "trimaps"])
def test_a_relative_path_means_the_same(tmp_path, monkeypatch, form):
    if form == "trimaps":
        write_pairs(tmp_path / "set", "images", "annotations/trimaps", values=(1, 3))
        for path in (tmp_path / "set/annotations/trimaps").iterdir():
            values = np.array(Image.open(path))
            save(path, np.where(values == 0, 2, values).astype(np.uint8))
        names = ("background", "pet")
    else:
        for seed, name in enumerate(("MT_Blowhole", "MT_Crack")):
            for number in range(4):
                path = tmp_path / f"set/{name}/Imgs/{name}_{number}"
                save(path.with_suffix(".jpg"), picture(10 * seed + number))
                save(path.with_suffix(".png"), mask((255,), number))
        names = ("background", "MT_Blowhole", "MT_Crack")
    assert open_data(tmp_path / "set").labels.names == names
    monkeypatch.chdir(tmp_path)
    assert open_data(Path("set")).labels.names == names


def test_lists_of_one_split_leave_the_others_alone(tmp_path, capsys):
    for seed, split in ((0, "train"), (10, "val")):
        write_pairs(tmp_path, f"images/{split}", f"masks/{split}", seed=seed)
    for role, part in (("images", "images"), ("masks", "masks")):
        lines = [f"{part}/train/{number}.png" for number in range(6)]
        (tmp_path / f"train_{role}.txt").write_text("\n".join(lines))
    assert {name: len(part.names) for name, part in open_splits(tmp_path).items()} == {"train": 6, "val": 6}
    assert "folders hold pictures of val" in said(tmp_path, capsys)


def test_grouping_folders_are_warned_of_and_a_list_makes_them_classes(tmp_path, capsys):
    for seed, name in ((0, "crop"), (10, "weed")):
        write_pairs(tmp_path, f"imgs/{name}", f"gt/{name}", values=(1,), seed=seed)
    assert open_data(tmp_path).labels.names == ("class 0", "class 1")
    assert "part the pictures as their masks, so they are no classes" in said(tmp_path, capsys)
    (tmp_path / "classes.txt").write_text("crop\nweed\n")
    assert open_data(tmp_path).labels.names == ("background", "crop", "weed")
    assert "no classes" not in (line := said(tmp_path, capsys))
    assert "left out" not in line


def test_more_values_beat_the_word_class(tmp_path):
    write_pairs(tmp_path, "images", "labels", values=(1, 2, 3))
    write_pairs(tmp_path, "images", "class_mask", values=(255,))
    assert len(open_data(tmp_path).labels) == 4


def test_a_cautious_annotator_is_still_an_annotator(tmp_path):
    write_pairs(tmp_path, "images", "masks_annotator1", values=(1, 1, 1))
    write_pairs(tmp_path, "images", "masks_annotator2", values=(1, 1))
    data = open_data(tmp_path)
    assert all("annotator1" in str(pair.mask) for pair in data.pairs)
