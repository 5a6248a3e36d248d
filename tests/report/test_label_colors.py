"""The check that a label map belongs to its label space."""

import numpy as np
import pytest

from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.report.label_colors import label_index

SPACE = LabelSpace(("a", "b", "c"))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int64, np.uint64])
def test_the_ignore_value_becomes_the_row_after_the_classes(dtype):
    labels = np.array([[0, 1], [2, 255]], dtype)
    assert label_index(labels, SPACE, where="map").tolist() == [[0, 1], [2, 3]]


def test_an_ignore_value_that_the_type_cannot_hold_is_no_problem():
    labels = np.array([[0, 2]], np.uint8)
    assert label_index(labels, LabelSpace(("a", "b", "c"), ignore=65535), where="map").tolist() == [[0, 2]]


@pytest.mark.parametrize(
    ("labels", "value"),
    [
        (np.array([[0, 3]], np.uint8), "3"),
        (np.array([[0, -1]], np.int32), "-1"),
        (np.array([[2**64 - 1, 0]], np.uint64), "18446744073709551615"),
    ],
)
def test_a_foreign_value_is_named_with_its_place_and_the_remedy(labels, value):
    with pytest.raises(InputError, match=rf"^street\.png: value {value} is neither .* 0\.\.2 nor .* 255; use"):
        label_index(labels, SPACE, where="street.png")
