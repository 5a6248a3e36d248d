"""Boundary IoU against the paper's definition, written out mask by mask and pixel by pixel."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from atrous.evaluation.boundaries import boundary_overlap
from atrous.evaluation.metrics import overlap_iou, overlap_miou

CLASSES, VOID = 3, 255


def inner_boundary(mask, *, distance):
    """The pixels of a mask from which a pixel that is not of it, or outside, is at most `distance` away."""
    height, width = mask.shape

    def inside(y, x):
        return 0 <= y < height and 0 <= x < width and mask[y, x]

    reach = range(-distance, distance + 1)
    found = np.zeros_like(mask)
    for y, x in zip(*np.nonzero(mask), strict=True):
        found[y, x] = not all(inside(y + dy, x + dx) for dy in reach for dx in reach)
    return found


def definition(labels, truth):
    """Boundary IoU of each class, void cut out of both maps."""
    distance = max(1, round(0.02 * math.sqrt(truth.shape[0] ** 2 + truth.shape[1] ** 2)))
    known = truth != VOID
    values = []
    for label in range(CLASSES):
        ours, theirs = (inner_boundary((values == label) & known, distance=distance) for values in (labels, truth))
        union = (ours | theirs).sum()
        values.append((ours & theirs).sum() / union if union else math.nan)
    return values


def measured(labels, truth):
    return overlap_iou(boundary_overlap(np.array(labels), np.array(truth), classes=CLASSES, ignore=VOID))


def maps(size):
    plain = arrays.arrays(np.uint8, size, elements=st.integers(0, CLASSES - 1))
    return st.tuples(plain, arrays.arrays(np.uint8, size, elements=st.sampled_from([0, 1, 2, VOID])))


@settings(max_examples=50)
@given(st.tuples(st.integers(1, 8), st.integers(1, 8)).flatmap(maps))
def test_noise_agrees_with_the_definition(pair):
    np.testing.assert_allclose(measured(*pair), definition(*pair), atol=1e-12)


@settings(max_examples=25)
@given(maps((2, 7)), st.integers(12, 18))
def test_regions_agree_with_the_definition_at_a_distance_of_several_pixels(pair, scale):
    labels, truth = (values.repeat(3, axis=0).repeat(scale, axis=1) for values in pair)
    assert round(0.02 * math.hypot(*truth.shape)) in (2, 3)
    np.testing.assert_allclose(measured(labels, truth), definition(labels, truth), atol=1e-12)


def test_by_hand():
    """A square of 10 in an image of 100x75, whose diagonal is 125: two pixels and a half, rounded to two."""
    truth, labels = np.zeros((100, 75), np.uint8), np.zeros((100, 75), np.uint8)
    truth[20:30, 20:30] = 1
    labels[21:31, 20:30] = 1
    ring = 10 * 10 - 6 * 6
    # The rings, shifted by one: inside both squares (9 high) minus what is deep in one of the two (7 rows of 6).
    both = 9 * 10 - 7 * 6
    assert measured(labels, truth)[1] == pytest.approx(both / (2 * ring - both))


def test_a_perfect_answer_scores_one_whatever_it_says_under_void():
    truth = np.random.default_rng(0).integers(0, 3, (5, 7)).repeat(6, axis=0).repeat(6, axis=1).astype(np.uint8)
    truth[10:14, :] = VOID
    labels = np.where(truth == VOID, np.random.default_rng(1).integers(0, 3, truth.shape), truth)
    np.testing.assert_array_equal(measured(labels, truth), [1, 1, 1])


def test_one_pixel_is_all_boundary():
    np.testing.assert_array_equal(measured([[1]], [[1]]), [math.nan, 1, math.nan])
    np.testing.assert_array_equal(measured([[1]], [[0]]), [0, 0, math.nan])


def test_an_image_of_nothing_but_ignored_pixels_has_no_boundary():
    overlap = boundary_overlap(np.zeros((6, 6), np.uint8), np.full((6, 6), VOID), classes=CLASSES, ignore=VOID)
    assert not overlap.any()
    assert math.isnan(overlap_miou(overlap))


def test_the_inside_of_regions_does_not_count():
    truth = np.zeros((50, 50), np.uint8)
    labels = truth.copy()
    labels[20:30, 20:30] = 2  # deep inside: the truth has no boundary there
    values = measured(labels, truth)
    assert values[2] == 0
    frame = 50 * 50 - 48 * 48
    hole = 12 * 12 - 10 * 10
    assert values[0] == pytest.approx(frame / (frame + hole))
