"""Polygons of label maps: painted back they are the map, pixel for pixel."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.path import Path as Outline
from PIL import Image, ImageDraw

from atrous.data.annotations.regions import polygon_region
from atrous.labels import polygons as polygons_of_maps
from atrous.labels.bridges import joined
from atrous.labels.polygons import trace_polygons
from atrous.labels.simplification import simplified
from fakes.executed_lines import count_lines

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


LABEL_MAPS = hnp.arrays(
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
        Outline(np.concatenate((ring, ring[:1]))).contains_points(centres) for ring in (polygon.outline, *polygon.holes)
    ]
    return (inside[0] & ~np.any(inside[1:], axis=0) if polygon.holes else inside[0]).reshape(shape)


@settings(max_examples=100)
@given(LABEL_MAPS)
def test_filled_polygons_are_the_label_map(labels):
    count = np.zeros(labels.shape, int)
    for polygon in trace_polygons(labels):
        mask = filled(polygon, labels.shape)
        assert (labels[mask] == polygon.label).all()
        count += mask
        assert polygon.pixels == mask.sum()
        # Shoelace: clockwise rings are positive, holes negative; together the pixels of the region.
        assert area(polygon.outline) + sum(area(hole) for hole in polygon.holes) == mask.sum()
        assert all(area(hole) < 0 for hole in polygon.holes)
    assert (count == 1).all()


def test_by_hand():
    labels = np.zeros((5, 6), int)
    labels[1:4, 1:5] = 1
    labels[2, 2] = 2
    background, ring, dot = sorted(trace_polygons(labels), key=lambda polygon: polygon.label)
    assert background.outline.tolist() == [[0, 0], [6, 0], [6, 5], [0, 5]]
    assert ring.outline.tolist() == [[1, 1], [5, 1], [5, 4], [1, 4]]
    assert [sorted(hole.tolist()) for hole in ring.holes] == [[[2, 2], [2, 3], [3, 2], [3, 3]]]
    assert (dot.label, area(dot.outline), dot.holes) == (2, 1, ())
    assert len(background.holes) == 1


def distance(point, ring):
    """Smallest distance of a point from the sides of a ring, by looking at many points of each side."""
    shares = np.linspace(0, 1, 401)[:, None]
    sides = [a + shares * (b - a) for a, b in zip(ring, np.roll(ring, -1, axis=0), strict=True)]
    return min(np.hypot(*(side - point).T).min() for side in sides)


@settings(max_examples=25)
@given(hnp.arrays(np.uint8, (9, 9), elements=st.sampled_from([0, 1, 1])), st.sampled_from([0.5, 1.0, 2.0]))
def test_no_corner_is_farther_from_the_simplified_outline_than_the_tolerance(labels, tolerance):
    exact, simple = (trace_polygons(labels, classes=(1,), tolerance=value) for value in (0.0, tolerance))
    for before, after in zip(exact, simple, strict=True):
        assert 3 <= len(after.outline) <= len(before.outline)
        assert max(distance(point, after.outline) for point in before.outline) <= tolerance + 0.02


def test_simplification_does_not_change_the_order():
    labels = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0]])
    tops = [polygon.outline[:, 1].max() for polygon in trace_polygons(labels, classes=(1,), tolerance=1.0)]
    assert tops == [4, 1]  # the corner of three pixels before the pair, of which it keeps less area


def test_a_staircase_becomes_a_line():
    steps = np.array([point for i in range(20) for point in ((i, i), (i + 1, i))])
    ring = np.concatenate((steps, [[20, 40], [0, 40]])).astype(float)
    (line,) = simplified([ring], 1.0, budget=np.inf)
    assert len(line) == 4


def test_only_classes_that_occur_take_a_pass_over_the_map(monkeypatch):
    passes, corners = [], polygons_of_maps._corners
    monkeypatch.setattr(
        polygons_of_maps, "_corners", lambda labels, label: passes.append(label) or corners(labels, label)
    )
    found = trace_polygons(np.array([[3, 3, 9], [3, 3, 200]]), classes=range(150))
    assert [polygon.label for polygon in found] == passes == [3, 9]


def test_one_class_alone_and_bad_tolerances():
    labels = np.array([[0, 1], [1, 1]])
    assert {polygon.label for polygon in trace_polygons(labels, classes=(1,))} == {1}
    assert trace_polygons(labels, classes=(7,)) == []
    for tolerance in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="give a distance of 0 or more pixels"):
            trace_polygons(labels, tolerance=tolerance)


def disc(radius):
    """A disc of this radius and its bounding box."""
    image = Image.new("L", (2 * radius + 9, 2 * radius + 9))
    ImageDraw.Draw(image).ellipse((4, 4, 2 * radius + 4, 2 * radius + 4), fill=1)
    return np.array(image)


@pytest.mark.parametrize("tolerance", [1.0, 3.0])
def test_a_disc_needs_few_corners(tolerance):
    (exact,), (simple,) = (trace_polygons(disc(75), classes=[1], tolerance=value) for value in (0.0, tolerance))
    assert len(simple.outline) < len(exact.outline) / 2
    assert max(distance(corner, simple.outline) for corner in exact.outline) <= tolerance + 0.02


@pytest.mark.parametrize("radius", [6, 20, 90])
def test_a_limit_of_change_is_kept_by_a_smaller_tolerance(radius):
    labels = disc(radius)
    (polygon,) = trace_polygons(labels, classes=[1], tolerance=50.0, most_change=0.01)
    mask = filled(polygon, labels.shape)
    assert (mask & (labels == 1)).sum() >= 0.98 * (mask | (labels == 1)).sum()


def test_large_maps_are_searched_band_by_band(monkeypatch):
    labels = np.random.default_rng(0).integers(0, 3, (40, 31), np.uint8)
    whole = trace_polygons(labels)
    monkeypatch.setattr(polygons_of_maps, "_BAND", 100)
    for one, other in zip(whole, trace_polygons(labels), strict=True):
        np.testing.assert_array_equal(one.outline, other.outline)
        assert [hole.tolist() for hole in one.holes] == [hole.tolist() for hole in other.holes]


def test_cycles_of_a_permutation_by_hand():
    order, lengths = polygons_of_maps._cycles(np.array([2, 0, 1, 3, 5, 4]))
    assert order.tolist() == [0, 2, 1, 3, 4, 5]
    assert lengths.tolist() == [3, 1, 2]


@given(st.permutations(range(40)))
def test_cycles_are_those_of_a_walk(following):
    waiting, walks = {*range(40)}, []
    while waiting:
        place = min(waiting)
        walks.append([])
        while place in waiting:
            waiting.remove(place)
            walks[-1].append(place)
            place = following[place]
    order, lengths = polygons_of_maps._cycles(np.array(following))
    assert order.tolist() == [place for walk in walks for place in walk]
    assert lengths.tolist() == [len(walk) for walk in walks]


def test_many_holes_are_given_to_their_regions():
    """A board of 1-pixel holes in two frames, one inside the other; SciPy counts them."""
    labels = np.zeros((101, 101), np.uint8)
    labels[1:100, 1:100] = 1
    labels[30:70, 30:70] = 0
    labels[31:69, 31:69] = 1
    labels[2:100:3, 2:100:3] = 0
    found = trace_polygons(labels, classes=[1])
    frames, count = scipy.ndimage.label(labels)
    assert len(found) == count
    for polygon in found:
        x, y = polygon.outline[0].astype(int)
        frame = frames == frames[y, x]
        assert len(polygon.holes) == scipy.ndimage.label(~np.pad(frame, 1), np.ones((3, 3)))[1] - 1
        np.testing.assert_array_equal(filled(polygon, labels.shape), frame)


def test_a_region_with_thousands_of_holes_takes_no_more_lines_of_work_per_hole_than_one_with_fewer():
    labels = (np.random.default_rng(0).random((256, 256)) < 0.7).astype(np.uint8)
    polygons = trace_polygons(labels, classes=[1])
    assert max(len(polygon.holes) for polygon in polygons) > 2500
    rings: list[np.ndarray] = []
    lines = count_lines(lambda: rings.extend(joined(polygon) for polygon in polygons))
    quarter = trace_polygons(labels[:128, :128], classes=[1])
    fewer = count_lines(lambda: [joined(polygon) for polygon in quarter])
    holes, fewer_holes = (sum(len(polygon.holes) for polygon in each) for each in (polygons, quarter))
    assert lines / holes < 1.1 * fewer / fewer_holes
    # Windings around every pixel, from the upright edges to its left. Bridges are never upright here.
    crossings = np.zeros((256, 257), np.int64)
    for ring in rings:
        (x, y), (x_end, y_end) = ring.T.astype(int), np.roll(ring, -1, axis=0).T.astype(int)
        for column, top, bottom in np.stack((x, y, y_end), axis=1)[x == x_end].tolist():
            crossings[min(top, bottom) : max(top, bottom), column] += np.sign(top - bottom)
    np.testing.assert_array_equal(crossings.cumsum(axis=1)[:, :-1], labels)
