"""Sizes that lie are found before anything is decoded or painted; odd files are named, and none is read twice."""

import json
import os
import tracemalloc

import numpy as np
import pytest
import tifffile
from PIL import Image

from atrous.data.dataset import open_data
from atrous.data.formats.image_names import image_files
from atrous.data.formats.images import read_image
from atrous.data.formats.tiff import read_picture
from atrous.errors import InputError
from atrous.inference.output_files import plan_files

HUGE = 16000


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (48, 40)).save(tmp_path / f"images/{name}.png")
    return tmp_path


def coco(folder):
    square = [0, 0, HUGE, 0, HUGE, HUGE]
    images = [{"id": n, "file_name": f"{name}.png", "width": HUGE, "height": HUGE} for n, name in enumerate("ab")]
    shapes = [{"id": n, "image_id": n, "category_id": 1, "segmentation": [square], "iscrowd": 0} for n in range(2)]
    content = {"images": images, "annotations": shapes, "categories": [{"id": 1, "name": "box"}]}
    (folder / "annotations.json").write_text(json.dumps(content))


def labelme(folder):
    shape = {"label": "box", "points": [[0, 0], [HUGE, 0], [HUGE, HUGE]], "shape_type": "polygon"}
    for name in "ab":
        content = {"shapes": [shape], "imagePath": f"{name}.png", "imageHeight": HUGE, "imageWidth": HUGE}
        (folder / f"images/{name}.json").write_text(json.dumps(content))


def tiff(folder):
    """Headers of huge masks: 2 bytes of data."""
    (folder / "masks").mkdir()
    (folder / "schema.toml").write_text('classes = ["a", "box"]\n')
    for name in "ab":
        path = folder / f"masks/{name}.tif"
        tifffile.imwrite(path, np.zeros((1, 1), np.uint8), metadata=None)
        with tifffile.TiffFile(path, mode="r+") as file:
            for tag in (256, 257, 278):
                file.pages[0].tags[tag].overwrite(HUGE)


@pytest.mark.parametrize("write", [coco, labelme, tiff])
def test_sizes_are_compared_before_anything_is_painted(folder, write):
    write(folder)
    data = open_data(folder)
    tracemalloc.start()
    with pytest.raises(InputError, match=rf"is {HUGE} x {HUGE} but .*a\.png is 48 x 40"):
        data[0]
    assert tracemalloc.get_traced_memory()[1] < HUGE * HUGE / 50
    tracemalloc.stop()


def test_each_folder_is_searched_once_and_odd_files_are_named_when_read(tmp_path):
    photos = tmp_path / "photos"
    (photos / "sub").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(photos / "sub/a.png")
    os.symlink("..", photos / "sub/up")
    os.symlink("sub", photos / "again")
    os.symlink("nowhere", photos / "lost.png")
    os.symlink("circle.png", photos / "circle.png")
    os.mkfifo(photos / "pipe.png")
    os.symlink("/dev/zero", photos / "zero.png")
    (photos / "folder.png").mkdir()
    found = image_files([f"{photos}/**/*"])
    assert [path.name for path in found] == ["circle.png", "lost.png", "pipe.png", "a.png", "zero.png"] or [
        path.name for path in found
    ] == ["a.png", "circle.png", "lost.png", "pipe.png", "zero.png"]
    assert {path.name for path in image_files([photos])} == {"circle.png", "lost.png", "pipe.png", "zero.png"}
    lines = {"circle": "in a circle", "lost": "leads nowhere", "pipe": "is a pipe", "zero": "or device"}
    for path in found:
        for read in (read_image, read_picture):
            if path.name != "a.png":
                with pytest.raises(InputError, match=lines[path.stem]):
                    read(path)


def test_plans_of_many_files_are_made_as_they_are_needed(tmp_path):
    sources = [tmp_path / f"in/p{number}.jpg" for number in range(300)]
    plan = plan_files(sources, out=tmp_path / "out")
    assert len(plan) == 300
    assert plan[7].labels == tmp_path / "out/p7.png"
    assert [files.source for files in plan[5:7]] == sources[5:7]
    with pytest.raises(InputError, match=r"p3_overlay\.jpg is one of the images"):
        plan_files([*sources, tmp_path / "in/p3_overlay.jpg"], out=tmp_path / "in")
