"""Several masks of every picture: classes where they mark different places, one person's work where they agree."""

import numpy as np
import pytest
from PIL import Image

from atrous.cli.main import main
from atrous.data.dataset import open_data
from fakes.layouts import NAMES, picture


def masks(index):
    """Two areas of 20x30 pictures that do not touch, of another size in every picture."""
    first, second = np.zeros((20, 30), np.uint8), np.zeros((20, 30), np.uint8)
    first[3 : 9 + index % 4, 2 : 11 + index % 3] = 255
    second[5 : 12 + index % 5, 16 : 27 - index % 4] = 255
    return first, second


def written(folder, one, other, *, images="images", drawn=masks):
    for index, name in enumerate(NAMES):
        for place, content in zip((images, one, other), (picture(name).resize((30, 20)), *drawn(index)), strict=True):
            (folder / place).mkdir(parents=True, exist_ok=True)
            image = content if isinstance(content, Image.Image) else Image.fromarray(content)
            image.save(folder / place / f"{name}.png")
    return folder


@pytest.mark.parametrize(
    ("places", "names"),
    [
        (("crack_mask", "spall_mask"), ("crack", "spall")),
        (("mask_crack", "mask_spall"), ("crack", "spall")),
        (("crack", "spall"), ("crack", "spall")),
        (("ManualMask/leftMask", "ManualMask/rightMask"), ("left", "right")),
        (("masks left", "masks right"), ("left", "right")),
    ],
)
def test_kinds_that_mark_different_places_are_classes(places, names, tmp_path):
    data = open_data(written(tmp_path, *places))
    assert data.labels.names == ("background", *names)
    assert len(data) == len(NAMES)
    for index in range(len(data)):
        number = next(at for at, name in enumerate(NAMES) if name in data[index].name)
        first, second = masks(number)
        np.testing.assert_array_equal(data[index].labels, (first > 0) + 2 * (second > 0))


def test_a_picture_may_lack_one_of_them(tmp_path):
    written(tmp_path, "crack_mask", "spall_mask")
    (tmp_path / "spall_mask" / f"{NAMES[0]}.png").unlink()
    data = open_data(tmp_path)
    assert data.labels.names == ("background", "crack", "spall")
    assert len(data) == len(NAMES)
    (number,) = (index for index in range(len(data)) if NAMES[0] in data[index].name)
    assert {*np.unique(data[number].labels)} == {0, 1}


@pytest.mark.parametrize("missing", [0, 1])
def test_masks_of_another_size_than_the_pictures_are_no_class(missing, tmp_path, capsys):
    written(tmp_path, "crack_mask", "spall_mask")
    smaller = sorted((tmp_path / "spall_mask").iterdir())
    for path in smaller:
        Image.open(path).resize((15, 10), Image.Resampling.NEAREST).save(path)
    for path in smaller[:missing]:
        path.unlink()
    main(["doctor", str(tmp_path)])
    printed = " ".join(capsys.readouterr().out.split())
    assert f"left out: {len(smaller) - missing} files that no sample uses (spall_mask/" in printed
    assert f"{len(NAMES)} pictures have masks (crack mask)" in printed


def overlapping(index):
    """Areas that share a part: neither two places, nor one work."""
    first, second = masks(index)
    first[3:14, 2:18] = 255
    return first, second


def test_kinds_that_overlap_are_the_users_decision(tmp_path, capsys):
    assert main(["doctor", str(written(tmp_path, "mask_wet", "mask_crack", drawn=overlapping))]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "has two masks for every picture, such as" in printed
    assert "another annotator" not in printed


def nested(index):
    """The second area is a part of the first."""
    first, _ = masks(index)
    return first, np.where(np.arange(30) < 7, first, 0).astype(np.uint8)


@pytest.mark.parametrize("places", [("lung masks", "infection masks"), ("mask_lung", "mask_infection")])
def test_a_part_of_a_thing_is_not_another_annotators_work(places, tmp_path, capsys):
    assert main(["doctor", str(written(tmp_path, *places, drawn=nested))]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "has two masks for every picture, such as" in printed
    assert all(f"{place}/{NAMES[0]}.png" in printed.partition("such as")[2] for place in places)
    assert "another annotator" not in printed


def test_all_kinds_that_are_as_good_are_named(tmp_path, capsys):
    written(tmp_path, "mask_wet", "mask_crack", drawn=overlapping)
    written(tmp_path, "mask_rust", "mask_crack", drawn=lambda index: overlapping(index)[::-1])
    assert main(["doctor", str(tmp_path)]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    named = printed.partition("has 3 masks for every picture, such as")[2]
    assert all(f"mask_{word}/{NAMES[0]}.png" in named for word in ("wet", "crack", "rust"))


def agreeing(index):
    first, _ = masks(index)
    return first, np.roll(first, 1, axis=1)


def test_kinds_that_agree_are_the_work_of_two_people(tmp_path, capsys):
    main(["doctor", str(written(tmp_path, "labels-ah", "labels-vk", drawn=agreeing))])
    printed = " ".join(capsys.readouterr().out.split())
    assert "masks of another annotator are left out: labels-vk/" in printed


def test_pictures_of_two_cameras_stay_pictures(tmp_path):
    written(tmp_path, "masks", "unused", images="left_images", drawn=lambda index: (masks(index)[0] // 255,) * 2)
    for path in (tmp_path / "unused").iterdir():
        path.unlink()
    (tmp_path / "unused").rmdir()
    for name in NAMES:
        (tmp_path / "right_images").mkdir(exist_ok=True)
        picture(name).resize((30, 20)).save(tmp_path / "right_images" / f"{name}.png")
    data = open_data(tmp_path)
    assert len(data) == len(NAMES)
    assert data.labels.names == ("class 0", "class 1")


def test_classes_whose_files_say_instance_come_before_numbers_of_objects(tmp_path):
    """The numbers have more values; the folder of the others says that they are classes."""
    for index, name in enumerate(NAMES):
        first, second = (mask // 255 for mask in masks(index))
        numbers = first + 2 * second + 3 * np.roll(first, 10, axis=0)
        for place, content in (
            (f"images/{name}.png", picture(name).resize((30, 20))),
            (f"Semantic_masks/{name}_instance_color_RGB.png", Image.fromarray(first + 2 * second)),
            (f"Instance_masks/{name}_instance_id_RGB.png", Image.fromarray(numbers)),
        ):
            (tmp_path / place).parent.mkdir(exist_ok=True)
            content.save(tmp_path / place)
    data = open_data(tmp_path)
    assert len(data) == len(NAMES)
    for index, name in enumerate(data.names):
        first, second = (mask // 255 for mask in masks(NAMES.index(name)))
        np.testing.assert_array_equal(data[index].labels, first + 2 * second)
