"""Polygons, circles and run lengths as pixels, against Matplotlib, pycocotools and hand-made cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from pycocotools import mask as cocotools

from atrous.data.annotations.regions import circle_region, decode_runs, polygon_region, runs_region

SIZE = (9, 13)
ROWS, COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]
CENTRES = np.stack([COLUMNS + 0.5, ROWS + 0.5], axis=-1)


def filled(region, size=SIZE):
    """The region as a map of the whole picture."""
    labels = np.zeros(size, np.uint8)
    region.paint(labels, value=1)
    assert labels.sum() == region.pixels
    return labels == 1


def polygon(*corners, size=SIZE):
    return filled(polygon_region(np.array(corners, float), size=size), size)


def test_a_square_on_the_grid_is_its_pixels():
    expected = np.zeros(SIZE, bool)
    expected[2:5, 3:7] = True
    np.testing.assert_array_equal(polygon((3, 2), (7, 2), (7, 5), (3, 5)), expected)
    # Edges through centres: left and upper ones belong to the inside, right and lower ones do not.
    np.testing.assert_array_equal(polygon((3.5, 2.5), (7.5, 2.5), (7.5, 5.5), (3.5, 5.5)), expected)


def test_a_triangle_by_hand():
    expected = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]], bool)
    np.testing.assert_array_equal(polygon((0, 0.9), (3.9, 4.9), (0, 4.9), size=(4, 4)), expected)


def test_a_star_is_even_odd():
    """The pentagon inside a five-pointed star drawn in one line is outside of it."""
    turns = np.arange(5) * 4 * np.pi / 5
    star = polygon(*np.stack([20 + 19 * np.sin(turns), 20 - 19 * np.cos(turns)], axis=1), size=(40, 40))
    assert not star[20, 20]
    assert star[5, 20]


coordinates = st.floats(-6, 18, allow_nan=False).map(lambda value: round(value, 3))
corners = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8)


@settings(max_examples=300)
@given(corners)
def test_pixels_whose_centre_is_inside(points):
    """Matplotlib's crossing test; pixels whose centre lies on an outline are left to the other tests."""
    outline = Outline(np.array([*points, points[0]]), closed=True)
    found, near = polygon(*points), _near(points, 1e-9)
    inside = outline.contains_points(CENTRES.reshape(-1, 2)).reshape(SIZE)
    np.testing.assert_array_equal(found[~near], inside[~near])


@settings(max_examples=100)
@given(st.tuples(coordinates, coordinates), st.sampled_from([0.5, 1.0, 0.25]))
def test_neighbours_share_no_pixel_and_leave_no_gap(middle, step):
    """A square cut at any point into four triangles: every pixel is in one of them."""
    middle = tuple(round(value / step) * step for value in middle)  # often exactly on centres and outlines
    middle = np.clip(middle, 1, 8)
    square = [(1, 1), (8, 1), (8, 8), (1, 8)]
    parts = [polygon(square[i], square[(i + 1) % 4], middle).astype(int) for i in range(4)]
    np.testing.assert_array_equal(sum(parts), polygon(*square).astype(int))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools, with NumPy 2
@settings(max_examples=100)
@given(corners)
def test_cocos_own_tool_differs_at_outlines_only(points):
    """pycocotools rounds corners to a grid of fifths, so it may decide otherwise within a pixel of the outline."""
    points = np.clip(points, 0, [SIZE[1], SIZE[0]])
    runs = cocotools.frPyObjects([points.ravel().tolist()], *SIZE)
    theirs = cocotools.decode(runs)[..., 0] == 1
    near = _near(points, 1.0)
    np.testing.assert_array_equal(polygon(*points)[~near], theirs[~near])


def _near(points, distance):
    """Centres at most this far from an outline."""
    near = np.zeros(SIZE, bool)
    for a, b in zip(np.array(points), np.roll(points, -1, axis=0), strict=True):
        along = b - a
        share = np.clip(((CENTRES - a) @ along) / max(along @ along, 1e-30), 0, 1)
        near |= np.linalg.norm(CENTRES - a - share[..., None] * along, axis=-1) <= distance
    return near


@settings(max_examples=100)
@given(st.tuples(coordinates, coordinates), st.floats(0, 12))
def test_a_circle_is_the_centres_within_its_radius(centre, radius):
    expected = np.linalg.norm(CENTRES - np.array(centre), axis=-1) ** 2
    sure = np.abs(expected - radius**2) > 1e-9
    np.testing.assert_array_equal(
        filled(circle_region(centre, radius=radius, size=SIZE))[sure], (expected <= radius**2)[sure]
    )


def test_run_lengths_by_hand():
    # 2 out, 3 in, 1 out down the columns of a picture of 2 rows and 3 columns
    assert filled(runs_region([2, 3, 1], size=(2, 3)), (2, 3)).tolist() == [[False, True, True], [False, True, False]]
    assert filled(runs_region([0, 6], size=(2, 3)), (2, 3)).all()


@settings(max_examples=200)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_compressed_run_lengths_as_pycocotools_writes_them(height, width, seed, share):
    mask = np.random.default_rng(seed).random((height, width)) < share
    mask = np.repeat(mask, 1 + seed % 9, axis=0)  # longer runs, too
    written = cocotools.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert written["size"] == list(mask.shape)
    found = filled(runs_region(decode_runs(written["counts"].decode()), size=mask.shape), mask.shape)
    np.testing.assert_array_equal(found, mask)


@pytest.mark.parametrize("counts", [[], [5], [7], [-1, 7], [3, -3, 6], [2**62, 2**62, 6]])
def test_run_lengths_that_do_not_add_up(counts):
    with pytest.raises(ValueError, match="do not add up to 3 x 2"):
        runs_region(counts, size=(2, 3))


@pytest.mark.parametrize("text", ["\x00", "é", "P", "p" * 50, "oooo"])
def test_strings_that_are_no_run_lengths(text):
    with pytest.raises(ValueError, match="run lengths that"):
        decode_runs(text)


@pytest.mark.parametrize("last", [[], [(np.nan, 1)], [(0, 1e300)], [(0, -np.inf)]])
def test_polygons_that_cannot_be(last):
    with pytest.raises(ValueError, match="a polygon"):
        polygon_region(np.array([(0, 0), (5, 5), *last], float), size=SIZE)


def test_a_polygon_that_would_take_for_ever():
    zigzag = np.stack([np.linspace(0, 10, 20_000), np.tile([0.0, 16384.0], 10_000)], axis=1)
    with pytest.raises(ValueError, match="too intricate"):
        polygon_region(zigzag, size=(16384, 10))


@pytest.mark.parametrize(("centre", "radius"), [((np.nan, 1.0), 1.0), ((1.0, 1.0), np.inf), ((1e9, 1.0), 1.0)])
def test_circles_that_cannot_be(centre, radius):
    with pytest.raises(ValueError, match="a circle"):
        circle_region(centre, radius=radius, size=SIZE)
