"""Polygons of label maps: painted back they are the map, pixel for pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw

from atrous.data.annotations.regions import polygon_region
from atrous.labels.polygons import joined, trace_polygons

MAPS = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9), elements=st.integers(0, 2)
)


def fill_rings(rings, *, height, width):
    """Pixels whose centre lies inside an odd number of rings."""
    filled = np.zeros((height, width), np.uint8)
    for ring in rings:
        inside = np.zeros_like(filled)
        polygon_region(ring, size=(height, width)).paint(inside, value=1)
        filled ^= inside
    return filled == 1


def test_a_frame_has_an_outline_and_a_hole():
    labels = np.array([[1, 1, 1, 0], [1, 0, 1, 0], [1, 1, 1, 0]])
    (frame,) = trace_polygons(labels, classes=[1])
    assert (frame.label, frame.pixels) == (1, 8)
    assert sorted(map(tuple, frame.outline.tolist())) == [(0, 0), (0, 3), (3, 0), (3, 3)]
    (hole,) = frame.holes
    assert sorted(map(tuple, hole.tolist())) == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_pixels_that_touch_at_a_corner_are_two_regions():
    polygons = trace_polygons(np.array([[1, 0], [0, 1]]), classes=[1])
    assert [polygon.pixels for polygon in polygons] == [1, 1]
    assert [polygon.pixels for polygon in trace_polygons(np.array([[1, 0], [0, 1]]), classes=[1], smallest=2)] == []


@given(MAPS)
def test_outlines_and_holes_cover_the_region_and_nothing_else(labels):
    height, width = labels.shape
    polygons = trace_polygons(labels, classes=range(3))
    assert sum(polygon.pixels for polygon in polygons) == labels.size
    for label in range(3):
        regions = [polygon for polygon in polygons if polygon.label == label]
        covered = np.sum(
            [fill_rings([one.outline, *one.holes], height=height, width=width) for one in regions]
            or [np.zeros_like(labels)],
            axis=0,
        )
        np.testing.assert_array_equal(covered, labels == label)
        bridged = [fill_rings([joined(one)], height=height, width=width) for one in regions]
        np.testing.assert_array_equal(np.any(bridged or [np.zeros(labels.shape, bool)], axis=0), labels == label)


@given(MAPS)
def test_painted_by_size_outlines_alone_give_the_map(labels):
    """Whatever fills a hole is smaller than what surrounds it."""
    painted = np.full(labels.shape, 9, np.uint8)
    for polygon in trace_polygons(labels, classes=range(3)):
        painted[fill_rings([polygon.outline], height=labels.shape[0], width=labels.shape[1])] = polygon.label
    np.testing.assert_array_equal(painted, labels)


@pytest.mark.parametrize("tolerance", [1.0, 3.0])
def test_removed_corners_are_within_the_tolerance(tolerance):
    image = Image.new("L", (200, 160))
    ImageDraw.Draw(image).ellipse((20, 10, 180, 150), fill=1)
    labels = np.array(image)
    (exact,), (simple,) = (trace_polygons(labels, classes=[1], tolerance=value) for value in (0.0, tolerance))
    assert len(simple.outline) < len(exact.outline) / 2
    ends = np.roll(simple.outline, -1, axis=0)
    for corner in exact.outline:
        along = ends - simple.outline
        share = ((corner - simple.outline) * along).sum(axis=1) / (along**2).sum(axis=1)
        nearest = simple.outline + np.clip(share, 0, 1)[:, None] * along
        assert np.hypot(*(corner - nearest).T).min() <= tolerance + 1e-9


def test_a_negative_tolerance_is_refused():
    with pytest.raises(ValueError, match="tolerance -1"):
        trace_polygons(np.zeros((2, 2), int), classes=[0], tolerance=-1.0)
