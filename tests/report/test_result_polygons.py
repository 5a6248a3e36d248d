"""Polygons of label maps, filled again by matplotlib, and their distance from the exact outline."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.path import Path as Outline

from atrous.report.polygons import simplify, trace_polygons

label_maps = arrays.arrays(
    np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([0, 0, 1, 1, 2])
)


def area(ring):
    (x, y), (a, b) = ring.T, np.roll(ring, -1, axis=0).T
    return (x * b - a * y).sum() / 2


def filled(polygon, shape):
    """Pixels whose centre is inside the outer ring and in no hole."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    centres = np.stack((x.ravel(), y.ravel()), axis=1)
    inside = [
        Outline(np.concatenate((ring, ring[:1]))).contains_points(centres) for ring in (polygon.outer, *polygon.holes)
    ]
    return (inside[0] & ~np.any(inside[1:], axis=0) if polygon.holes else inside[0]).reshape(shape)


@settings(max_examples=100)
@given(label_maps)
def test_filled_polygons_are_the_label_map(labels):
    count = np.zeros(labels.shape, int)
    for polygon in trace_polygons(labels):
        mask = filled(polygon, labels.shape)
        assert (labels[mask] == polygon.class_id).all()
        count += mask
        # Shoelace: clockwise rings are positive, holes negative; together the pixels of the region.
        assert area(polygon.outer) + sum(area(hole) for hole in polygon.holes) == mask.sum()
        assert all(area(hole) < 0 for hole in polygon.holes)
    assert (count == 1).all()


def test_by_hand():
    labels = np.zeros((5, 6), int)
    labels[1:4, 1:5] = 1
    labels[2, 2] = 2
    background, ring, dot = trace_polygons(labels)
    assert background.outer.tolist() == [[0, 0], [6, 0], [6, 5], [0, 5]]
    assert ring.outer.tolist() == [[1, 1], [5, 1], [5, 4], [1, 4]]
    assert [sorted(hole.tolist()) for hole in ring.holes] == [[[2, 2], [2, 3], [3, 2], [3, 3]]]
    assert (dot.class_id, area(dot.outer), dot.holes) == (2, 1, ())
    assert len(background.holes) == 1


def test_pixels_that_touch_at_a_corner_are_two_regions():
    assert [polygon.class_id for polygon in trace_polygons(np.array([[1, 0], [0, 1]]))] == [0, 0, 1, 1]


def distance(point, ring):
    """Smallest distance of a point from the sides of a ring, by looking at many points of each side."""
    shares = np.linspace(0, 1, 401)[:, None]
    sides = [a + shares * (b - a) for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True)]
    return min(np.hypot(*(side - point).T).min() for side in sides)


@settings(max_examples=25)
@given(arrays.arrays(np.uint8, (9, 9), elements=st.sampled_from([0, 1, 1])), st.sampled_from([0.5, 1.0, 2.0]))
def test_no_corner_is_farther_from_the_simplified_outline_than_the_tolerance(labels, tolerance):
    exact, simple = (trace_polygons(labels, class_ids=(1,), tolerance=value) for value in (0.0, tolerance))
    for before, after in zip(exact, simple, strict=True):
        assert 3 <= len(after.outer) <= len(before.outer)
        assert max(distance(point, after.outer) for point in before.outer) <= tolerance + 0.02


def test_a_staircase_becomes_a_line():
    steps = np.array([point for i in range(20) for point in ((i, i), (i + 1, i))])
    ring = np.concatenate((steps, [[20, 40], [0, 40]]))
    assert len(simplify(ring, 1.0)) == 4


def test_one_class_alone_and_bad_tolerances():
    labels = np.array([[0, 1], [1, 1]])
    assert {polygon.class_id for polygon in trace_polygons(labels, class_ids=(1,))} == {1}
    assert trace_polygons(labels, class_ids=(7,)) == []
    for tolerance in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="give a distance of 0 or more pixels"):
            trace_polygons(labels, tolerance=tolerance)
