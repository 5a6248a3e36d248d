"""Masks of unusual sizes, channels and numbers: read right, or one line with the remedy. The labels are drawn here."""

import numpy as np
import pytest
from PIL import Image

from atrous.data.annotations.color_masks import value_counts
from atrous.data.annotations.proposals import proposed_schema, value_totals
from atrous.data.dataset import open_data
from atrous.data.doctor import Grade, diagnose
from atrous.data.doctor.fix import write_schema_fix
from atrous.data.schema import read_schema

PHOTO = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
IDS = np.repeat([[0] * 8 + [1] * 5 + [2] * 3], 12, axis=0).astype(np.uint8)
COLORS = np.array([[0, 0, 0], [200, 30, 30], [30, 200, 30]], np.uint8)[IDS]
SOLID = np.full((12, 16, 1), 255, np.uint8)
NAMES = ("ground", "cat", "dog")


def write(folder, mask, **files: str):
    """Four pictures with the same mask, and files beside them."""
    for index in range(4):
        for kind, values in (("images", np.roll(PHOTO, index)), ("masks", mask)):
            (folder / kind).mkdir(exist_ok=True)
            Image.fromarray(values).save(folder / kind / f"{index}.png")
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def lines(folder, grade: Grade) -> list[str]:
    return [finding.line for finding in diagnose(folder).findings if finding.grade == grade]


@pytest.mark.parametrize(
    ("mask", "size", "remedy"),
    [
        (IDS[::2, ::2], "8 x 6", "repeat each of its pixels 2 x 2 times"),
        (IDS[::4, ::4], "4 x 3", "repeat each of its pixels 4 x 4 times"),
        (IDS.repeat(3, 0).repeat(3, 1), "48 x 36", "keep one of 3 rows and columns"),
    ],
)
def test_masks_of_another_scale_name_both_sizes_and_the_factor(tmp_path, mask, size, remedy):
    (line, *_) = lines(write(tmp_path, mask), Grade.ERROR)
    assert f"0.png is {size} but" in line
    assert "is 16 x 12 (" in line
    assert remedy in line


def test_masks_of_another_shape_are_exported_again(tmp_path):
    (line, *_) = lines(write(tmp_path, IDS[:10, :14]), Grade.ERROR)
    assert line.endswith("export it again at that size")


def test_opaque_colours_are_read_as_rgb(tmp_path):
    folder = write(tmp_path, np.dstack([COLORS, SOLID]))
    data = open_data(folder)
    np.testing.assert_array_equal(np.array(data.labels.palette, np.uint8)[data[0].labels], COLORS)
    assert [line for line in lines(folder, Grade.NOTE) if "RGBA with alpha 255 everywhere, read as RGB" in line]


@pytest.mark.parametrize("colors", [COLORS, np.full_like(COLORS, 255)])
def test_transparent_pixels_are_refused_with_their_share_and_a_remedy(tmp_path, colors):
    (line, *_) = lines(write(tmp_path, np.dstack([colors, SOLID * (IDS[..., None] > 0)])), Grade.ERROR)
    assert "has transparent pixels (50.0%)" in line
    assert "-alpha remove" in line


@pytest.mark.parametrize("planes", [1, 3])
def test_inverted_masks_are_a_warning_with_the_remedy(tmp_path, planes):
    inverted = np.where(IDS == 2, 0, 255).astype(np.uint8)  # 255 on 13 of 16 columns
    folder = write(tmp_path, np.dstack([inverted] * planes).squeeze())
    (line,) = [line for line in lines(folder, Grade.WARNING) if "inverted" in line]
    assert "value 255 covers most of 4 of 4 masks (81.2% of the pixels)" in line
    assert "0 = 1 and 255 = 0" in line
    assert [*write_schema_fix(diagnose(folder))]
    assert read_schema(folder / "schema.toml").remap == {0: 0, 255: 1}  # a proposal destroys no label


def test_small_foreground_is_no_inverted_mask(tmp_path):
    small = np.where(IDS == 2, 255, 0).astype(np.uint8)
    folder = write(tmp_path, small)
    assert not [line for line in lines(folder, Grade.WARNING) if "inverted" in line]
    alone = proposed_schema(value_totals([value_counts(small)]))
    assert alone is not None
    assert alone.lines == ()


@pytest.mark.parametrize("files", [{"classes_txt": "ground\ncat\ndog\n"}, {"data_yaml": "names: [ground, cat, dog]\n"}])
def test_ids_that_begin_with_1_are_the_listed_classes(tmp_path, files):
    folder = write(tmp_path, IDS + 1, **files)
    data = open_data(folder)
    assert data.labels.names == NAMES
    np.testing.assert_array_equal(data[0].labels, IDS)
    (line,) = [line for line in lines(folder, Grade.NOTE) if "classes by" in line]
    assert line.endswith(": 1 = ground, 2 = cat, 3 = dog")
    assert not lines(folder, Grade.WARNING)


@pytest.mark.parametrize(
    ("listed", "names"), [("cat\ndog\n", ("background", "cat", "dog")), ("ground\ncat\ndog\n", NAMES)]
)
def test_ids_that_begin_with_0_keep_their_classes(tmp_path, listed, names):
    folder = write(tmp_path, IDS, classes_txt=listed)
    data = open_data(folder)
    assert data.labels.names == names
    np.testing.assert_array_equal(data[0].labels, IDS)
    assert [line for line in lines(folder, Grade.NOTE) if line.endswith(f"0 = {names[0]}, 1 = cat, 2 = dog")]


def test_ids_that_may_begin_with_0_or_1_are_a_warning_with_the_remedy(tmp_path):
    folder = write(tmp_path, np.array([1, 2, 255], np.uint8)[IDS], classes_txt="ground\ncat\ndog\n")
    (line,) = [line for line in lines(folder, Grade.WARNING) if "count from 1" in line]
    assert "(1 = ground, 2 = cat, 3 = dog)" in line
    first, second = line.partition("two lines: ")[2].split(" and: ")
    (folder / "schema.toml").write_text(f"{first}\n{second}\n")
    np.testing.assert_array_equal(open_data(folder)[0].labels, np.array([0, 1, 255])[IDS])
    (folder / "schema.toml").unlink()
    assert not [line for line in lines(write(tmp_path, IDS), Grade.WARNING) if "count from 1" in line]


def test_explicit_ids_from_0_are_not_taken_for_others(tmp_path):
    folder = write(tmp_path, IDS + 1, data_yaml="names: {0: ground, 1: cat, 2: dog}\n")
    assert lines(folder, Grade.ERROR)
