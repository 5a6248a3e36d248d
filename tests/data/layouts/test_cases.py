"""Folders as tools wrote them, with the class ids, names and splits that they are known to have."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from atrous.data.dataset import open_data, open_splits
from atrous.errors import InputError

EXACT = (
    "ids", "images_labels", "images_annotations", "imgs_labels", "suffix", "flat", "camvidlike", "split_valid",
    "ultra_sem", "roboflow_sem", "cvat_segmask", "voclike", "kaggle", "rgb", "rgba", "labelstudio_png",
)  # fmt: skip
OUTLINES = ("yolo_ultra", "coco_plain", "coco_cvat", "coco_roboflow", "labelme", "labelme_images", "labelstudio_json")
NAMED = {"ultra_sem", "roboflow_sem", "cvat_segmask", "labelstudio_png", *OUTLINES}
SPLIT = {
    "camvidlike", "split_valid", "ultra_sem", "yolo_ultra", "coco_roboflow", "roboflow_sem", "voclike", "cityjson",
}  # fmt: skip
BY_COLOR = {"rgb": ((0, 0, 0), (250, 50, 83), (51, 221, 255)), "rgba": ((0, 0, 0), (250, 50, 83), (51, 221, 255))}


@pytest.fixture
def cases(shared):
    folder = shared / "cases/layouts"
    if not folder.is_dir():
        pytest.skip(f"no folders at {folder}")
    return folder


def truth(cases, number):
    return np.array(Image.open(cases / f"ids/masks/img_{number:03}.png"))


def number_of(name):
    found = re.search(r"img_(\d{3})|_(\d{3})000_", name)
    return int(found[1] or found[2])


@pytest.mark.shared
@pytest.mark.parametrize("name", [*EXACT, *OUTLINES])
def test_class_ids_names_and_splits(cases, name):
    data = open_data(cases / name, pair_by_order=name == "labelstudio_png")
    assert len(data) == 12
    labels = data.labels
    order = [labels.palette.index(color) for color in BY_COLOR[name]] if name in BY_COLOR else [0, 1, 2]
    if name in NAMED:
        assert set(labels.names) == {"background", "cat", "dog"}
        order = [labels.names.index(label) for label in ("background", "cat", "dog")]
    for index in range(len(data)):
        sample = data[index]
        expected = np.array(order)[truth(cases, number_of(sample.name))]
        assert (sample.labels == expected).mean() >= (1.0 if name in EXACT else 0.975)
    if name in SPLIT:
        parts = {split: sorted(map(number_of, part.names)) for split, part in open_splits(cases / name).items()}
        assert parts == {"train": [*range(9)], "val": [9, 10, 11]}


@pytest.mark.shared
def test_a_town_of_polygons(cases):
    data = open_data(cases / "cityjson")
    assert set(data.labels.names) == {"car", "person"}
    parts = {split: len(part) for split, part in open_splits(cases / "cityjson").items()}
    assert parts == {"train": 9, "val": 3}
    order = [255, data.labels.names.index("car"), data.labels.names.index("person")]
    for index in range(12):
        assert (data[index].labels == np.array(order)[truth(cases, index)]).mean() >= 0.975


@pytest.mark.shared
def test_names_of_all_alphabets_pair(cases):
    data = open_data(cases / "odd")
    found = [data[index].labels for index in range(len(data))]
    expected = [truth(cases, number) for number in range(12)]
    assert len(found) == 12
    assert all(any(np.array_equal(one, other) for one in found) for other in expected)


@pytest.mark.shared
def test_black_and_white_needs_a_schema(cases):
    with pytest.raises(InputError, match=r'classes = \["background", "foreground"\] and: remap = \{ 0 = 0, 255 = 1 \}'):
        open_data(cases / "bin255")


@pytest.mark.shared
@pytest.mark.parametrize(
    "name",
    [
        "coco_images_prefix", "coco_instances_default", "cvat_segmentation_mask", "labelme_mask_shape", "list_of_pairs",
        "names_mask_suffix", "names_nfd_nfc", "voc_folders_own_classes",
    ],
)  # fmt: skip
def test_folders_that_were_refused(cases, name):
    folder = cases.parent / "files" / name
    data = open_data(folder)
    assert len(data) == 4
    ids = set(np.unique(np.concatenate([data[index].labels.ravel() for index in range(4)])).tolist())
    assert ids == {0, 1, 2}
    assert "aeroplane" not in data.labels.names


@pytest.mark.shared
@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({"default": "s0\ns1\ns2\n"}, {"train": 2, "val": 1}),
        ({"Train": "s0\ns1\n", "Validation": "s3\n"}, {"train": 2, "val": 1}),
        ({"default": "s0\ns1\ns2\ns3\n"}, {"train": 3, "val": 1}),
    ],
)
def test_lists_of_cvat_name_what_was_labelled(cases, lists, expected, tmp_path):
    """Its `default` is the one list of a task without subsets; a picture that no list names is left out."""
    folder = tmp_path / "data"
    shutil.copytree(cases.parent / "files/cvat_segmentation_mask", folder, copy_function=shutil.copyfile)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    place = folder / "ImageSets/Segmentation"
    (place / "default.txt").unlink()
    for name, lines in lists.items():
        (place / f"{name}.txt").write_text(lines)
    parts = open_splits(folder)
    assert {split: len(part) for split, part in parts.items()} == expected
    listed = {name for lines in lists.values() for name in lines.split()}
    assert {name for part in parts.values() for name in part.names} == listed
    assert parts["train"].labels.names == ("background", "ball", "box")
