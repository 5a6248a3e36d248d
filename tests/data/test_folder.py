import shutil

import numpy as np
import pytest
from PIL import Image

from atrous.data.dataset import open_data
from atrous.data.folder import open_folder
from atrous.data.schema import Schema, read_schema, write_schema
from atrous.errors import InputError
from atrous.labels import LabelSpace
from fakes.folder import NAMES, fake_folder


def refused(folder, *parts, split="train"):
    """The data set cannot be opened, and the one line about it has these parts."""
    with pytest.raises(InputError) as error:
        open_data(folder, split=split)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
    return message


def mask(folder, name, values):
    Image.fromarray(np.array(values, np.uint8)).save(folder / "masks" / f"{name}.png")


def test_pictures_pair_with_masks_by_name(tmp_path):
    folder = fake_folder(tmp_path, names=("a", "b.1", "x/c"))
    data = open_folder(folder, split="train")
    assert sorted([*data.names, *open_folder(folder, split="val").names]) == ["a", "b.1", "x/c"]
    for index, name in enumerate(data.names):
        sample = data[index]
        assert sample.name == name
        np.testing.assert_array_equal(sample.image, np.array(Image.open(folder / "images" / f"{name}.jpg")))
        np.testing.assert_array_equal(sample.labels, np.array(Image.open(folder / "masks" / f"{name}.png")))


def test_without_lists_a_tenth_by_hash_is_held_out(tmp_path):
    folder = fake_folder(tmp_path, names=[f"n{number}" for number in range(25)])
    train, val = (open_folder(folder, split=split) for split in ("train", "val"))
    # sha256sum of n0 .. n24: the two smallest digests
    assert val.names == ["n2", "n23"]
    assert set(train.names) == {f"n{number}" for number in range(25)} - set(val.names)
    assert val.describe()["split_rule"] == "2 of 25 pictures, by SHA-256 of the name"
    assert train.describe()["split_rule"] == "all pairs without val"


def test_at_least_one_is_held_out_and_one_is_left(tmp_path):
    folder = fake_folder(tmp_path / "two", names=("a", "b"))
    assert [len(open_folder(folder, split=split)) for split in ("train", "val")] == [1, 1]
    refused(fake_folder(tmp_path / "one", names=("a",)), "at least two")


def test_lists_take_names_with_or_without_suffix_in_their_order(tmp_path):
    folder = fake_folder(tmp_path)
    (folder / "train.txt").write_text("photo3.jpg\r\n\r\nphoto1\r\n")
    (folder / "val.txt").write_bytes(b"\xef\xbb\xbfphoto2\n")
    assert open_folder(folder, split="train").names == ["photo3", "photo1"]
    assert open_folder(folder, split="val").names == ["photo2"]
    assert open_folder(folder, split="val").describe()["split_rule"] == "val.txt"


def test_one_list_leaves_the_rest(tmp_path):
    folder = fake_folder(tmp_path)
    (folder / "val.txt").write_text("photo2\nphoto5\n")
    train = open_folder(folder, split="train")
    assert train.names == [name for name in NAMES if name not in ("photo2", "photo5")]
    assert train.describe()["split_rule"] == "all pairs that are not in val.txt"
    (folder / "val.txt").rename(folder / "train.txt")
    train, val = (open_folder(folder, split=split).names for split in ("train", "val"))
    assert sorted([*train, *val]) == ["photo2", "photo5"]
    assert len(val) == 1


def test_lists_make_unlabelled_pictures_harmless(tmp_path):
    folder = fake_folder(tmp_path)
    (folder / "masks" / "photo9.png").unlink()
    (folder / "train.txt").write_text("photo1\nphoto2\n")
    (folder / "val.txt").write_text("photo3\n")
    assert len(open_folder(folder, split="train")) == 2
    (folder / "val.txt").write_text("photo9\n")
    refused(folder, "no mask", "photo9", "val.txt")


def test_a_folder_per_split(tmp_path):
    fake_folder(tmp_path / "train", names=("a", "b"))
    fake_folder(tmp_path / "val", names=("c",))
    assert open_data(tmp_path, split="train").names == ["a", "b"]
    assert open_data(tmp_path, split="val").names == ["c"]
    shutil.rmtree(tmp_path / "val" / "masks")
    refused(tmp_path, "val lacks the folders images and masks")
    shutil.rmtree(tmp_path / "val")
    assert len(open_data(tmp_path, split="val")) == 1


def test_lists_that_cannot_be_followed(tmp_path):
    folder = fake_folder(tmp_path)
    listed = folder / "train.txt"
    listed.write_text("photo1\nphoto99\n")
    refused(folder, "train.txt line 2", "photo99")
    listed.write_text("photo1\nphoto2\nphoto1.jpg\n")
    refused(folder, "train.txt line 3", "line 1")
    listed.write_text("\n")
    refused(folder, "train.txt is empty")
    listed.write_bytes(b"\xff\xfe")
    refused(folder, "train.txt", "UTF-8")
    listed.write_text("../../secret\n")
    refused(folder, "train.txt line 1")
    listed.write_text("photo1\nphoto2\n")
    (folder / "val.txt").write_text("photo2\n")
    refused(folder, "photo2.jpg", "both train and val")
    listed.unlink()
    (folder / "val.txt").write_text("\n".join(NAMES))
    refused(folder, "leaves no pictures for training")


def test_pairs_that_do_not_match(tmp_path):
    folder = fake_folder(tmp_path)
    (folder / "masks" / "photo1.png").unlink()
    refused(folder, "no mask for images/photo1.jpg")
    for name in ("photo1", "photo2", "photo4"):
        (folder / "images" / f"{name}.jpg").unlink()
    refused(folder, "no image for masks/photo2.png in")
    Image.new("RGB", (16, 12)).save(folder / "images" / "photo3.png")
    refused(folder, "photo3.jpg", "photo3.png", "same name")


def test_folders_without_pictures(tmp_path):
    refused(tmp_path / "nowhere", "no data folder")
    refused(tmp_path, "no known layout", "images", "masks")
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    refused(tmp_path, "images is empty")
    (tmp_path / "file").touch()
    refused(tmp_path / "file", "not a folder")


def test_files_that_are_no_pictures(tmp_path):
    folder = fake_folder(tmp_path)
    (folder / "masks" / ".DS_Store").touch()
    assert len(open_folder(folder, split="train")) == 10
    (folder / "masks" / "labels.npy").touch()
    refused(folder, "labels.npy is not a picture", ".png")


def test_unknown_splits(tmp_path):
    refused(fake_folder(tmp_path), "no split 'test'", "train, val", split="test")


def test_masks_of_another_size(tmp_path):
    folder = fake_folder(tmp_path, names=("a", "b"))
    for name in ("a", "b"):
        mask(folder, name, [[0, 1], [1, 0]])
    data = open_folder(folder, split="train")
    with pytest.raises(InputError, match=r"png is 2 x 2 but .*jpg is 16 x 12"):
        data[0]


def test_values_from_zero_need_no_schema(tmp_path):
    assert open_data(fake_folder(tmp_path), split="train").labels == LabelSpace.unnamed(3)


def test_masks_of_both_splits_count(tmp_path):
    fake_folder(tmp_path / "train", names=("a",), values=(0, 2))
    fake_folder(tmp_path / "val", names=("b",), values=(1,))
    assert len(open_data(tmp_path, split="train").labels) == 3


@pytest.mark.parametrize(
    ("values", "classes", "table"),
    [
        ((0, 255), '"background", "foreground"', {0: 0, 255: 1}),
        ((0, 128), '"background", "foreground"', {0: 0, 128: 1}),
        ((1, 2, 255), '"class 1", "class 2"', {1: 0, 2: 1}),
        ((0, 1, 5), '"background", "class 1", "class 5"', {0: 0, 1: 1, 5: 2}),
    ],
)
def test_the_proposed_schema_makes_the_masks_usable(tmp_path, values, classes, table):
    folder = fake_folder(tmp_path, values=values)
    message = refused(folder, "photo", f"value {values[0]} (", f"value {values[-1]} (", f"classes = [{classes}]")
    lines = message.split("with the two lines: ")[1].split(" and: ")
    (folder / "schema.toml").write_text("\n".join(lines))
    assert read_schema(folder / "schema.toml").remap == table
    data = open_data(folder, split="train")
    assert set(np.unique(data[0].labels)) == {*table.values(), *({255} & set(values) - set(table))}


def test_masks_that_hold_no_classes(tmp_path):
    refused(fake_folder(tmp_path / "one", values=(0,)), "nothing but 0")
    refused(fake_folder(tmp_path / "many", values=range(3, 100)), "97 different values")


def test_a_schema_elsewhere_counts_before_the_one_beside_the_data(tmp_path):
    folder = fake_folder(tmp_path / "data")
    beside, elsewhere = LabelSpace(names=("a", "b", "c")), LabelSpace(names=("x", "y", "z"))
    write_schema(folder / "schema.toml", Schema(beside))
    write_schema(tmp_path / "other.toml", Schema(elsewhere))
    assert open_data(folder, split="train").labels == beside
    assert open_data(folder, split="train", schema=tmp_path / "other.toml").labels == elsewhere


def test_stray_values_name_file_value_and_count(tmp_path):
    folder = fake_folder(tmp_path, names=("a", "b"))
    write_schema(folder / "schema.toml", Schema(LabelSpace(names=("one", "two"))))
    data = open_data(folder, split="train")
    with pytest.raises(InputError, match=rf"masks/{data.names[0]}.png has value 2 \(48 pixels\)"):
        data[0]
