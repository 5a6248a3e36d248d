"""The trimap curve against dilating by hand, one pixel after the other."""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torchmetrics.functional.classification import multiclass_jaccard_index

from atrous.evaluation.boundaries import WIDTHS, trimap
from atrous.evaluation.metrics import overlap_miou

CLASSES, VOID = 3, 255


def counted(labels, truth):
    return trimap(np.array(labels), np.array(truth), classes=CLASSES, ignore=VOID)


def dilated(marks, times):
    """A 3x3 square laid over every mark, again and again."""
    for _ in range(times):
        grown = marks.copy()
        for y, x in zip(*np.nonzero(marks), strict=True):
            grown[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] = True
        marks = grown
    return marks


def beside_another_label(truth):
    """Pixels with another label among their eight neighbours."""
    height, width = truth.shape
    found = np.zeros(truth.shape, bool)
    for y, x in np.ndindex(height, width):
        around = truth[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        found[y, x] = (around != truth[y, x]).any()
    return found


def definition(labels, truth):
    """Mean IoU inside each band by torchmetrics; NaN where the band is empty."""
    void = truth == VOID
    values = []
    for width in WIDTHS:
        band = dilated(void, width) & ~void if void.any() else dilated(beside_another_label(truth), width - 1)
        if not band.any():
            values.append(math.nan)
            continue
        ours, theirs = (torch.tensor(array[band]).long() for array in (labels, truth))
        values.append(float(multiclass_jaccard_index(ours, theirs, CLASSES, average="macro")))
    return values


def maps(values):
    size = (5, 6)
    plain = arrays.arrays(np.uint8, size, elements=st.integers(0, CLASSES - 1))
    return st.tuples(plain, arrays.arrays(np.uint8, size, elements=st.sampled_from(values)))


@settings(max_examples=25)
@given(maps([0, 1, 2]), st.integers(1, 4))
def test_bands_around_label_boundaries_agree_with_the_definition(pair, scale):
    labels, truth = pair[0].repeat(scale, axis=0), pair[1].repeat(scale, axis=0)
    found = counted(labels, truth)
    assert found.around == "label boundaries"
    np.testing.assert_allclose(overlap_miou(found.overlaps), definition(labels, truth), atol=1e-6)


@settings(max_examples=25)
@given(maps([0, 0, 1, 1, 2, VOID]).filter(lambda pair: (pair[1] == VOID).any()), st.integers(1, 4))
def test_bands_around_void_agree_with_the_definition(pair, scale):
    labels, truth = pair[0].repeat(scale, axis=1), pair[1].repeat(scale, axis=1)
    found = counted(labels, truth)
    assert found.around == "void"
    np.testing.assert_allclose(overlap_miou(found.overlaps), definition(labels, truth), atol=1e-6)


def test_by_hand():
    truth = np.array([[0, 0, 0, 0, VOID, 1, 1, 1, 1, 1]])
    labels = np.array([[1, 0, 0, 1, 2, 1, 1, 1, 1, 0]])
    # One pixel: 0 is taken for 1, 1 is right. Two: of class 0 half is right. Eight: all nine pixels.
    one, two, four, eight = (0 + 1 / 2) / 2, (1 / 2 + 2 / 3) / 2, (2 / 4 + 4 / 6) / 2, (2 / 5 + 4 / 7) / 2
    np.testing.assert_allclose(overlap_miou(counted(labels, truth).overlaps), [one, two, four, eight, eight, eight])


def test_an_image_of_one_class_has_no_band():
    found = counted(np.zeros((4, 4), int), np.ones((4, 4), int))
    assert found.around == "label boundaries"
    assert np.isnan(overlap_miou(found.overlaps)).all()


def test_one_pixel_and_nothing_but_void_have_no_band():
    for truth in ([[1]], [[VOID]], [[VOID] * 3] * 3):
        assert not counted(np.zeros_like(truth), truth).overlaps.any()


def test_where_there_is_void_images_without_it_do_not_count():
    around_void = counted([[0, 0, 0]], [[0, VOID, 1]])
    around_labels = counted([[0, 0, 0]], [[0, 1, 1]])
    for total in (around_void + around_labels, around_labels + around_void):
        assert total.around == "void"
        np.testing.assert_array_equal(total.overlaps, around_void.overlaps)
    np.testing.assert_array_equal((around_labels + around_labels).overlaps, 2 * around_labels.overlaps)
