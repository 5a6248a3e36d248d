"""Pictures of one name in several folders: the COCO file's folders, name or split tell which is meant."""

import json

import numpy as np
import pytest
from PIL import Image

from atrous.data.dataset import open_data, open_splits
from atrous.errors import InputError

SIZE = (12, 16)


def write_picture(path, red):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE[::-1], (red, 9, 9)).save(path)


def write_coco(path, files):
    """A rectangle of the class `cat` in each picture, at a column that its number in `files` tells."""
    images = [{"id": place, "file_name": name, "width": 16, "height": 12} for place, name in enumerate(files)]
    annotations = []
    for place in range(len(files)):
        left, right = 2 + 2 * place, 5 + 2 * place
        outline = [left, 3, right, 3, right, 9, left, 9]
        annotations.append({"id": place, "image_id": place, "category_id": 1, "segmentation": [outline], "iscrowd": 0})
    path.parent.mkdir(parents=True, exist_ok=True)
    categories = [{"id": 1, "name": "cat"}]
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))


def column_of(folder, split, red):
    """First labelled column of the picture with this red."""
    data = open_data(folder, split=split)
    samples = [data[index] for index in range(len(data))]
    (labels,) = (sample.labels for sample in samples if sample.image[0, 0, 0] == red)
    return int(np.flatnonzero(labels.any(axis=0))[0])


@pytest.mark.parametrize("place", ["annotations/{}.json", "instances_{}.json"])
def test_the_split_of_the_file(tmp_path, place):
    for red, part in ((10, "train"), (20, "val")):
        for number in range(3):
            write_picture(tmp_path / part / f"images/{number}.jpg", red + 50 * number)
    write_coco(tmp_path / place.format("train"), [f"{number}.jpg" for number in range(3)])
    write_coco(tmp_path / place.format("val"), [f"{number}.jpg" for number in (2, 1, 0)])
    assert {name: len(split.names) for name, split in open_splits(tmp_path).items()} == {"train": 3, "val": 3}
    assert column_of(tmp_path, "train", red=_red(tmp_path / "train/images/0.jpg")) == 2
    assert column_of(tmp_path, "val", red=_red(tmp_path / "val/images/0.jpg")) == 6


def _red(path):
    return int(np.asarray(Image.open(path))[0, 0, 0])


@pytest.mark.parametrize("form", ["name of the file", "folder in the entry"])
def test_the_name_of_the_file_or_the_folder_that_is_written(tmp_path, form):
    for red, site in ((10, "site1"), (20, "site2")):
        for number in range(4):
            write_picture(tmp_path / site / f"img/{number}.png", red + number)
    if form == "name of the file":
        write_coco(tmp_path / "site1.json", [f"{number}.png" for number in range(4)])
        write_coco(tmp_path / "site2.json", [f"{number}.png" for number in (3, 2, 1, 0)])
    else:
        names = [f"site1/{number}.png" for number in range(4)]
        write_coco(tmp_path / "all.json", names)
        write_coco(tmp_path / "more.json", [f"site2\\{number}.png" for number in (3, 2, 1, 0)])
    data = open_data(
        tmp_path,
        split="train",
    )
    for index in range(len(data)):
        sample = data[index]
        tens, number = divmod(int(sample.image[0, 0, 0]), 10)
        expected = 2 + 2 * (number if tens == 1 else 3 - number)
        assert int(np.flatnonzero(sample.labels.any(axis=0))[0]) == expected


def test_names_that_nothing_tells_apart_are_listed(tmp_path):
    for site in ("a", "b"):
        write_picture(tmp_path / site / "0.png", 10)
    write_coco(tmp_path / "all.json", ["0.png"])
    with pytest.raises(InputError, match=r"several have such a name \(a/0.png, b/0.png\): write the folder before it"):
        open_data(tmp_path)
