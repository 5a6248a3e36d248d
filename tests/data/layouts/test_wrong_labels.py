"""Folders that could be read with wrong labels: each is read right, or is an error in one line."""

import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from atrous.data.annotations.class_masks import ClassMasks, covered
from atrous.data.complaints import collecting
from atrous.data.dataset import declared_schema, open_data, open_splits
from atrous.data.doctor import diagnose
from atrous.data.doctor.fix import write_schema_fix, write_split_fix
from atrous.data.formats.arrays import read_array
from atrous.data.formats.value_range import parse_ranges
from atrous.data.layouts.patterns import FIXED
from atrous.data.layouts.scanner import contents_of
from atrous.data.pairs import Pair
from atrous.data.schema import Schema
from atrous.errors import InputError
from atrous.labels import LabelSpace

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path_factory.mktemp("home")))


def save(path, values) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)


def half(value: int) -> np.ndarray:
    """A mask that is 0 on the left and a value on the right."""
    return np.repeat([[0] * 8 + [value] * 8], 12, axis=0).astype(np.uint8)


def faults(folder) -> str:
    with collecting() as complaints:
        contents_of(folder)
    return " ".join(one.line for one in complaints)


def test_cities_are_no_classes(tmp_path):
    for city in ("berlin", "paris"):
        for name in "abc":
            save(tmp_path / "imgs" / city / f"{name}.png", PHOTO)
            save(tmp_path / "labels" / city / f"{name}.png", half(1))
    data = open_data(tmp_path)
    assert len(data.labels) == 2
    assert not {"berlin", "paris"} & {*data.labels.names}
    assert {label for index in range(len(data)) for label in np.unique(data[index].labels)} == {0, 1}


def stack_folder(folder) -> None:
    np.save(folder / "images.npy", np.stack([PHOTO] * 5))
    np.save(folder / "labels.npy", np.stack([half(1)] * 5))


def test_arrays_of_instances_and_depth_are_no_masks(tmp_path):
    stack_folder(tmp_path)
    for name in ("instances", "depth"):
        np.save(tmp_path / f"{name}.npy", np.stack([half(9)] * 5))
    labels = [open_data(tmp_path)[index].labels for index in range(2)]
    np.testing.assert_array_equal(labels, [half(1)] * 2)


def test_shards_of_arrays_are_not_dropped(tmp_path):
    stack_folder(tmp_path)
    np.save(tmp_path / "images_2.npy", np.stack([PHOTO] * 5))
    with pytest.raises(InputError, match=r"both hold images of the same split; join them"):
        open_data(tmp_path)


def test_stacks_of_sixteen_bits_keep_them_in_all_splits(tmp_path):
    dark = np.full((3, 12, 16), 200, np.uint16)
    for split, images in (("train", dark * 20), ("val", dark)):
        np.save(tmp_path / f"x_{split}.npy", images)
        np.save(tmp_path / f"y_{split}.npy", np.stack([half(1)] * 3))
    parts = open_splits(tmp_path)
    assert [int(parts[split][0].image.max()) for split in ("train", "val")] == [16, 1]  # 4000 / 257, 200 / 257


def table(folder, rows, *, name="index.csv") -> None:
    with (folder / name).open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_headers_in_the_plural_and_instance_masks_beside_semantic_ones(tmp_path):
    for name in "abcd":
        save(tmp_path / "x" / f"{name}1.png", PHOTO)
        save(tmp_path / "y" / f"{name}2.png", half(1))
        save(tmp_path / "z" / f"{name}3.png", half(7))
    rows = [(f"z/{name}3.png", f"x/{name}1.png", f"y/{name}2.png") for name in "abcd"]
    table(tmp_path, [("instance_masks", "images", "masks"), *rows])
    np.testing.assert_array_equal(open_data(tmp_path)[0].labels, half(1))


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (("images/a.png", "masks/b.png"), "index.csv line 6: images/a.png has the mask masks/a.png"),
        (("images/e.png", "masks/e.png"), "index.csv line 6: no file 'masks/e.png'; add it"),
    ],
)
def test_two_masks_for_a_picture_and_pictures_as_their_masks_are_errors(tmp_path, row, line):
    for name in "abcd":
        save(tmp_path / "images" / f"{name}.png", PHOTO)
        save(tmp_path / "masks" / f"{name}.png", half(1))
    save(tmp_path / "images" / "e.png", PHOTO)
    (tmp_path / "masks").rename(tmp_path / "truth_of")
    rows = [(f"images/{name}.png", f"truth_of/{name}.png") for name in "abcd"]
    table(tmp_path, [("image", "mask"), *rows, tuple(text.replace("masks/", "truth_of/") for text in row)])
    assert line.replace("masks/", "truth_of/") in faults(tmp_path)


@pytest.mark.parametrize(("values", "inside"), [((0, 1, 2), (False, True, True)), ((0, 90, 255), (False, False, True))])
def test_numbers_count_and_smoothed_edges_are_parted_in_their_middle(tmp_path, values, inside):
    save(tmp_path / "mask.png", [values])
    assert covered(tmp_path / "mask.png").tolist() == [[*inside]]


def test_masks_of_a_class_that_the_schema_lacks_are_not_another(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / f"{name}.png", half(255))
    read = ClassMasks({tmp_path / "a.png": (("dog", tmp_path / "dog.png"),), tmp_path / "b.png": (("cat", tmp_path),)})
    pair = Pair("a", tmp_path / "a.png", tmp_path / "dog.png")
    with pytest.raises(InputError, match="dog"):
        read(pair, Schema(LabelSpace(("background", "cat"))))
    np.testing.assert_array_equal(read(pair, Schema(LabelSpace(("background", "animal")))), half(1))


def test_fix_does_not_write_over_masks_that_are_there(tmp_path):
    for name in "abcdefgh":
        save(tmp_path / "images" / f"{name}.png", PHOTO)
        smooth = np.repeat([[0] * 60 + [40, 90, 140, 200] + [255] * 64], 128, axis=0)
        save(tmp_path / "images" / f"{name}.png", np.random.default_rng(1).integers(0, 256, (128, 128, 3)))
        save(tmp_path / "masks" / f"{name}.png", np.stack([smooth, smooth // 2, smooth // 3], axis=2))
    diagnosis = diagnose(tmp_path)
    assert diagnosis.cleaning is not None
    save(tmp_path / FIXED / "a.png", half(1))
    with pytest.raises(InputError, match=f"{FIXED} is there already"):
        [*write_schema_fix(diagnosis)]


def test_one_pair_is_fixed_without_a_split(tmp_path):
    save(tmp_path / "imgs" / "a.jpg", PHOTO)
    save(tmp_path / "labels" / "a.png", half(1))
    diagnosis = diagnose(tmp_path)
    [*write_schema_fix(diagnosis), *write_split_fix(diagnosis)]


def test_ignore_without_classes_is_not_dropped(tmp_path):
    (tmp_path / "schema.toml").write_text("ignore = 0\n[picture]\nrange = [0, 4095]\n")
    with pytest.raises(InputError, match="classes"):
        declared_schema(tmp_path, elsewhere=None)


def test_a_range_of_a_thousand_digits_is_no_range():
    with pytest.raises(ValueError, match="range"):
        parse_ranges([0, 10**1000])


def npz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


ARRAY = io.BytesIO()
np.save(ARRAY, half(1))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.npz", npz({"label.txt": b"no array"})),
        ("a.npz", npz({"label.npy": b"\x93NUMPY\x01\x00\x10\x00{'descr': (     \n"})),
        ("a.npz", npz({"label.npy": ARRAY.getvalue()})[:-30] + b"\0" * 30),
        ("a.npy", npz({"x.npy": ARRAY.getvalue(), "y.npy": ARRAY.getvalue()})),
        ("a.npy", ARRAY.getvalue()[:40]),
    ],
)
def test_arrays_that_are_none_are_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        read_array(tmp_path / name)
    for other in ("images", "labels"):
        (tmp_path / name).with_stem(other).write_bytes(content)
    with pytest.raises(InputError):
        open_data(tmp_path)
