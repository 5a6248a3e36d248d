"""Lists whose lines correspond, lists of folders and splits in names of files: what is used, and what is said."""

import pytest

from atrous.data.complaints import collecting
from atrous.data.dataset import open_splits
from atrous.data.layouts.folder_lists import folder_index, pictures_of_folders
from atrous.data.layouts.scanner import contents_of
from atrous.data.layouts.split_names import splits_of_names
from atrous.data.layouts.tree import look
from fakes.layouts import NAMES, ids_mask, in_folders, picture
from fakes.published import save
from fakes.telling_names import beginnings, parallel


def notes(folder):
    with collecting() as complaints:
        contents_of(folder)
    return " | ".join(one.line for one in complaints)


def paired(folder):
    return {
        pair.image.stem: pair.mask.stem for data in open_splits(folder).values() for pair in data.pairs
    }  # fmt: skip


def test_lines_pair_before_names_do(tmp_path):
    parallel(tmp_path)
    pairs = paired(tmp_path)
    assert pairs == {f"pic{number}": f"ann{number * 5 % 6 + 100}" for number in range(6)}
    assert "4 pictures and masks pair by the lines of train_images.txt and train_masks.txt" in notes(tmp_path)


def test_the_list_of_all_does_not_count_beside_those_of_splits(tmp_path):
    parallel(tmp_path)
    for kind in ("images", "masks"):
        texts = [(tmp_path / f"{split}_{kind}.txt").read_text() for split in ("train", "val")]
        (tmp_path / f"trainval_{kind}.txt").write_text("".join(texts))
    assert {split: len(data) for split, data in open_splits(tmp_path).items()} == {"train": 4, "val": 2}


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (lambda text: text.partition("\n")[2], "they have 4 and 3 lines"),
        (lambda text: text.replace("ann100", "ann105"), "a file is named twice"),
        (lambda text: text.replace("B/ann100", "A/pic3"), "both name A/pic3.png"),
        (lambda text: text.replace("ann100", "ann99"), "train_masks.txt line 1: 'B/ann99.png' names no file"),
    ],
)
def test_lists_that_cannot_be_used_are_named(tmp_path, spoil, line):
    parallel(tmp_path)
    path = tmp_path / "train_masks.txt"
    path.write_text(spoil(path.read_text()))
    said = notes(tmp_path)
    assert f"the lines of train_images.txt and train_masks.txt are not used to pair: {line}" in said


def test_equal_names_in_another_order_pair_by_name(tmp_path):
    in_folders("A/{name}.png", "B/{name}_mask.png")(tmp_path)
    (tmp_path / "images.txt").write_text("".join(f"A/{name}.png\n" for name in NAMES))
    (tmp_path / "masks.txt").write_text("".join(f"B/{name}_mask.png\n" for name in NAMES[::-1]))
    assert "stand in another order" in notes(tmp_path)
    assert paired(tmp_path) == {name: f"{name}_mask" for name in NAMES}


def test_lists_of_classes_are_no_lists_of_masks(tmp_path):
    in_folders("A/{name}.png", "B/{name}.png")(tmp_path)
    (tmp_path / "train_images.txt").write_text("".join(f"A/{name}.png\n" for name in NAMES))
    (tmp_path / "train_labels.txt").write_text("background\ncat\ndog\n")
    assert "not used to pair" not in notes(tmp_path)
    assert paired(tmp_path) == {name: name for name in NAMES}


def test_every_line_must_name_a_folder(tmp_path):
    in_folders("A/x/{name}.png", "B/x/{name}.png")(tmp_path)
    pictures = [path for path in look(tmp_path).pictures if path.parts[0] == "A"]
    index = folder_index(pictures)
    assert pictures_of_folders(["x"], index) == pictures
    assert pictures_of_folders(["./A\\x/"], index) == pictures
    assert pictures_of_folders(["x", "y"], index) is None


def test_names_that_tell_splits_are_noted(tmp_path):
    beginnings("{name}.png", "{name}_anno.png")(tmp_path)
    line = "the names of all pictures begin with their split: 3 in train, 2 in test"
    assert line in notes(tmp_path)


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train_1", "testA_1", "validation-2"), ["train", "test", "val"]),
        (("Train01", "TEST01"), ["train", "test"]),
        (("train_1", "train_2"), []),
        (("val_1", "test_1"), []),
        (("train_1", "car_1", "test_1"), []),
        (("trained_1", "test_1"), []),
        (("train_1", "tester_1"), []),
    ],
)
def test_all_names_must_begin_with_one_of_several_splits(tmp_path, names, splits):
    pictures = [tmp_path / f"{name}.png" for name in names]
    assert [*splits_of_names(pictures).values()] == splits


@pytest.mark.parametrize("line", ["{name}.png", "masks/{name}.png", "data/masks/{name}.png"])
@pytest.mark.parametrize("places", [("images", "masks"), ("data/images", "data/masks")])
def test_lists_may_name_the_masks(places, line, tmp_path):
    """Pictures have another suffix than the files in the lists, which lie in a folder of their own."""
    for name in NAMES:
        save(picture(name), tmp_path / places[0] / f"{name}.tif")
        save(ids_mask(name), tmp_path / places[1] / f"{name}.png")
    for split, names in (("training", NAMES[:3]), ("validation", NAMES[3:4]), ("test", NAMES[4:])):
        lines = [line.format(name=name) for name in names]
        (tmp_path / "metadata").mkdir(exist_ok=True)
        (tmp_path / f"metadata/{split}.txt").write_bytes("\r\n".join(lines).encode())
    found = {split: sorted(part.names) for split, part in open_splits(tmp_path).items()}
    assert found == {"train": [*NAMES[:3]], "val": [NAMES[3]], "test": [*NAMES[4:]]}
