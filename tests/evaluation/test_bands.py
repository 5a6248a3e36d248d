"""Bands around contours against looking at every pixel of every window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atrous.evaluation.boundaries import boundary_mask, dilate

label_maps = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 0, 0, 1, 2])
)


def windows(values, *, distance, outside):
    """Every pixel with the list of all values at most `distance` rows and columns away; `outside` beyond the border."""
    height, width = values.shape
    reach = range(-distance, distance + 1)
    for y, x in np.ndindex(height, width):
        places = [(y + dy, x + dx) for dy in reach for dx in reach]
        yield (
            (y, x),
            [values[place] if 0 <= place[0] < height and 0 <= place[1] < width else outside for place in places],
        )


@given(label_maps, st.integers(1, 12), st.booleans())
def test_contours_are_where_a_window_holds_another_label(labels, distance, border):
    found = boundary_mask(labels, distance=distance, border=border)
    for place, seen in windows(labels, distance=distance, outside=99):
        others = {int(value) for value in seen} - {int(labels[place])} - (set() if border else {99})
        assert found[place] == bool(others)


@given(label_maps, st.integers(0, 12))
def test_marks_are_near_where_a_window_holds_one(labels, distance):
    found = dilate(labels == 1, distance=distance)
    for place, seen in windows(labels, distance=distance, outside=99):
        assert found[place] == (1 in seen)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (3, 5)])
def test_one_label_has_no_contour_but_the_border(size):
    labels = np.full(size, 4)
    assert not boundary_mask(labels, distance=3, border=False).any()
    assert boundary_mask(labels, distance=3, border=True).all()


def test_ids_of_16_bits_and_more_are_told_apart():
    found = boundary_mask(np.array([[0, 256, 256]], np.int32), distance=1, border=False)
    assert found.tolist() == [[True, True, False]]
