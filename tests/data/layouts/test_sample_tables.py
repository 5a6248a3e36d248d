"""Tables of files, stacks of arrays, Parquet, and trimaps."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from atrous.data.complaints import collecting
from atrous.data.dataset import open_data, open_splits
from atrous.data.layouts.scanner import contents_of
from atrous.errors import InputError
from data.layouts.test_messy_folders import whose
from fakes.layouts import NAMES, TRAIN, VAL, in_folders, picture, truth
from fakes.table_layouts import TABLES, arrays_per_split, parquet, pets


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("ATROUS_HOME", str(folder))
    return folder


def originals(data):
    return [whose(data[index].image) for index in range(len(data))]


@pytest.mark.parametrize("write", TABLES)
def test_pictures_labels_and_splits(tmp_path, write):
    write(tmp_path)
    for _ in range(2):  # the second time from what was unpacked
        parts = open_splits(tmp_path)
        assert {split: originals(data) for split, data in parts.items()} == {"train": [*TRAIN], "val": [*VAL]}
        for data in parts.values():
            for index, name in enumerate(originals(data)):
                np.testing.assert_array_equal(data[index].image, np.asarray(picture(name)))
                np.testing.assert_array_equal(data[index].labels, truth(name))


def test_every_file_is_used_or_remarked(tmp_path):
    parquet(tmp_path)
    with collecting() as complaints:
        contents_of(tmp_path)
    assert any("were unpacked to" in one.line for one in complaints)
    assert not any("no sample uses" in one.line for one in complaints)


def test_changed_arrays_are_unpacked_anew(tmp_path):
    arrays_per_split(tmp_path)
    assert len(open_splits(tmp_path)["val"]) == 2
    for letter in "Xy":
        np.save(tmp_path / f"{letter}_val.npy", np.load(tmp_path / f"{letter}_train.npy"))
    assert originals(open_splits(tmp_path)["val"]) == [*TRAIN]


def test_another_process_may_have_unpacked_the_same_files_meanwhile(tmp_path, cache, monkeypatch):
    arrays_per_split(tmp_path)
    rename, late = Path.rename, []

    def after_another(self, target):
        if self.name == "whole":
            late.append(shutil.copytree(self, target))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", after_another)
    assert originals(open_splits(tmp_path)["val"]) == [*VAL]
    assert len(late) == 1
    assert [path.name for path in (cache / "unpacked").iterdir()] == [late[0].name]  # nothing half-written beside it


def test_arrays_of_objects_are_no_stacks(tmp_path):
    arrays_per_split(tmp_path)
    objects = np.full((6, 12, 16, 3), None)
    np.savez(tmp_path / "more.npz", X=objects, y=np.zeros((6, 12, 16), np.uint8))
    assert {split: originals(data) for split, data in open_splits(tmp_path).items()} == {
        "train": [*TRAIN],
        "val": [*VAL],
    }


def test_stacks_that_do_not_fit_are_named(tmp_path):
    arrays_per_split(tmp_path)
    np.save(tmp_path / "y_val.npy", np.zeros((2, 5, 5), np.uint8))
    with pytest.raises(InputError, match=r"y_val.npy: pictures and masks are 2 x 12 x 16 x 3 and 2 x 5 x 5"):
        open_data(tmp_path)


def test_parquet_asks_for_its_extra(tmp_path, monkeypatch):
    parquet(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(InputError, match=r"needs pyarrow; install it with: pip install 'atrous\[parquet\]'"):
        open_data(tmp_path)


def test_borders_of_trimaps_are_ignored(tmp_path):
    pets(tmp_path)
    with collecting() as complaints:
        contents_of(tmp_path)
    assert any("3, the border, is ignored" in one.line for one in complaints)
    data = open_data(tmp_path)
    assert data.labels.names == ("background", "pet")
    found = originals(data)
    assert sorted(found) == [*NAMES]
    for index, name in enumerate(found):
        np.testing.assert_array_equal(data[index].labels, np.array([0, 1, 255])[truth(name)])
    assert sorted(originals(open_splits(tmp_path)["test"])) == [*VAL]


COLUMNS = {
    "dataset.csv": "idx;patient;set;fname\n" + "".join(f"{i};p;{{}};s{i}.jpg\n" for i in range(6)),
    "splits.json": "[" + ", ".join(f'{{{{"picture": "s{i}.png", "partition": "{{}}"}}}}' for i in range(6)) + "]",
    "names.csv": "name,is_valid\n" + "".join(f"s{i},{{}}\n" for i in range(6)),
}


@pytest.mark.parametrize("file", COLUMNS)
def test_a_column_of_any_table_tells_the_splits(tmp_path, file):
    in_folders("images/{name}.png", "masks/{name}.png")(tmp_path)
    words = {"names.csv": ("False", "True"), "splits.json": ("train", "validation")}.get(file, ("TRAIN", "Valid"))
    cells = [words[name in VAL] for name in NAMES]
    (tmp_path / file).write_text(COLUMNS[file].format(*cells))
    parts = open_splits(tmp_path)
    assert {split: sorted(part.names) for split, part in parts.items()} == {"train": [*TRAIN], "val": [*VAL]}
    assert file in parts["val"].describe()["split_rule"]
