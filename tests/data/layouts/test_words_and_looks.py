"""What names of folders and the look of masks tell about their role."""

import numpy as np
import pytest
from PIL import Image

from atrous.data.layouts.looks import are_fields
from atrous.data.layouts.words import kind_words, split_of

FIELD = np.zeros((40, 60), np.uint8)
FIELD[8:32, 10:50] = 255


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("val", "val"),
        ("validation", "val"),
        ("trainannot", "train"),
        ("imagestest", "test"),
        ("val2017", "val"),
        ("interval", ""),
        ("latest", ""),
        ("constrain", ""),
    ],
)
def test_splits_are_told_by_words_and_by_two_known_words_as_one(name, split):
    assert split_of(name) == split


@pytest.mark.parametrize(
    ("name", "words"), [("trainannot", ("annot",)), ("latest", ("latest",)), ("masks2", ("masks", "2"))]
)
def test_kinds_are_the_words_that_are_no_split(name, words):
    assert kind_words(name) == words


@pytest.mark.parametrize("gap", ["none", "column", "row"])
def test_a_field_of_view_is_one_area(gap, tmp_path):
    inside = FIELD.copy()
    if gap == "column":
        inside[:, 15:18] = 0  # two runs in the row through the middle
    elif gap == "row":
        inside[12:14] = 0
    for name in ("a.png", "b.png"):
        Image.fromarray(inside).save(tmp_path / name)
    assert are_fields(tmp_path, [tmp_path / "a.png", tmp_path / "b.png"]) == (gap == "none")
