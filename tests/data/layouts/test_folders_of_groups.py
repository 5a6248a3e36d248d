"""Folders of sites, patients, days beside folders of classes: which of them name classes, and what is said of it."""

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.dataset import open_data, open_splits
from atrous.data.doctor import diagnose
from atrous.data.doctor.finding import Grade
from data.layouts.test_messy_folders import whose
from fakes.group_folders import BESIDE, GROUPS, grouped
from fakes.layouts import NAMES, VAL, picture, truth
from fakes.messy_folders import animals, black_and_white
from fakes.published import save


def assert_foreground(folder, names=("background", "foreground")):
    data = open_data(folder)
    assert data.labels.names == names
    found = [whose(data[index].image) for index in range(len(data))]
    assert sorted(found) == [*NAMES]
    for index, name in enumerate(found):
        np.testing.assert_array_equal(data[index].labels, truth(name) > 0)


@pytest.mark.parametrize("name", GROUPS)
def test_folders_of_pictures_and_of_masks_are_no_classes(name, tmp_path):
    write, split = GROUPS[name]
    write(tmp_path)
    assert main(["doctor", str(tmp_path), "--fix"]) == 0
    assert_foreground(tmp_path)
    if split:
        val = open_splits(tmp_path)["val"]
        assert sorted(whose(val[index].image) for index in range(len(val))) == [*VAL]


CALLED_ALIKE = ("{group}/{group}/{name}.png", "{group}/{group} GT/{name}.png")


@pytest.mark.parametrize(
    "places",
    [
        BESIDE,
        ("imgs/{group}/{name}.png", "gt/{group}/{name}.png"),
        ("images/{group}/{name}.png", "masks/{group}/{name}.png"),
        ("{group}_images/{name}.png", "{group}_masks/{name}.png"),
        CALLED_ALIKE,
    ],
    ids=["own", "apart", "plain", "with words", "called alike"],
)
def test_folders_that_might_be_classes_are_warned_of(places, tmp_path):
    grouped(*places, ("charite", "mayo"))(tmp_path)
    warnings = [finding.line for finding in diagnose(tmp_path).findings if finding.grade == Grade.WARNING]
    (line,) = (line for line in warnings if "(charite, mayo)" in line)
    assert "if they are classes, list them in classes.txt, one in a line" in line
    (tmp_path / "classes.txt").write_text("charite\nmayo\n")
    data = open_data(tmp_path)
    assert data.labels.names == ("background", "charite", "mayo")
    found = [whose(data[index].image) for index in range(len(data))]
    assert sorted(found) == [*NAMES]
    for index, name in enumerate(found):
        own = 1 + ("mayo" in str(data.pairs[index].image))
        np.testing.assert_array_equal(data[index].labels, (truth(name) > 0) * own)


def test_folders_of_masks_called_like_those_of_pictures_repeat_no_name(tmp_path):
    """Every folder has pictures of the same names."""
    for group, name in zip(("charite", "mayo", "ukb") * 2, NAMES, strict=True):
        number = NAMES.index(name) // 3
        for path, content in zip(CALLED_ALIKE, (picture(name), black_and_white(name)), strict=True):
            save(content, tmp_path / path.format(group=group, name=f"{number:05}"))
    assert main(["doctor", str(tmp_path), "--fix"]) == 0
    assert_foreground(tmp_path)


@pytest.mark.parametrize("places", [BESIDE, ("{group}/{name}.png", "{group}/{name}_mask.png")], ids=["apart", "beside"])
def test_a_list_of_classes_counts_more_than_the_names_of_folders(places, tmp_path):
    grouped(*places, ("siteA", "siteB"))(tmp_path)
    for path in tmp_path.rglob("*.png"):
        if "mask" in str(path.relative_to(tmp_path)):
            Image.fromarray(np.asarray(Image.open(path)) // 255).save(path)
    (tmp_path / "classes.txt").write_text("background\ncrack\n")
    assert_foreground(tmp_path, ("background", "crack"))


def test_a_list_may_name_the_folders(tmp_path):
    animals(tmp_path)
    (tmp_path / "classes.txt").write_text("background\ncat\ndog\n")
    assert open_data(tmp_path).labels.names == ("background", "cat", "dog")


def test_pictures_of_one_folder_may_have_masks_in_the_folders_of_several_classes(tmp_path):
    grouped("imgs/{group}/{name}.png", "labels/cat/{name}.png", ("cat", "dog"))(tmp_path)
    grouped("imgs/{group}/{name}.png", "labels/dog/{name}.png", ("cat", "dog"))(tmp_path)
    for folder, label in (("cat", 1), ("dog", 2)):
        for name in NAMES:
            Image.fromarray(((truth(name) == label) * 255).astype(np.uint8)).save(
                tmp_path / f"labels/{folder}/{name}.png"
            )
    data = open_data(tmp_path)
    assert data.labels.names == ("background", "cat", "dog")
    for index in range(len(data)):
        np.testing.assert_array_equal(data[index].labels, truth(whose(data[index].image)))


def test_the_warning_about_folders_called_after_classes_says_what_makes_them_one(tmp_path):
    grouped("{group}/{name}.png", "{group}/{name}_mask.png", ("anna", "bernd", "clara"))(tmp_path)
    (line,) = (one.line for one in diagnose(tmp_path).findings if "anna, bernd, clara" in one.line)
    (warning,) = (one for one in diagnose(tmp_path).findings if one.line == line)
    assert warning.grade == Grade.WARNING
    remedy = line.partition("write ")[2].partition(" in schema.toml")[0]
    assert open_data(tmp_path).labels.names == ("background", "anna", "bernd", "clara")
    (tmp_path / "schema.toml").write_text(f"{remedy}\n")
    assert_foreground(tmp_path)
    assert "anna" not in " ".join(one.line for one in diagnose(tmp_path).findings if one.grade == Grade.WARNING)
