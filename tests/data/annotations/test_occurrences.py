"""Pixels of every value, counted some at a time."""

import numpy as np
import pytest

from atrous.data.annotations import color_masks
from atrous.data.annotations.color_masks import occurrences, value_counts

MASK = np.random.default_rng(0).integers(0, 9, (13, 17)).astype(np.uint16)
MASK[0, 0] = 300


@pytest.mark.parametrize("at_a_time", [7, 13 * 17, 1000])
def test_counts_are_those_of_numpy_for_all_pixels_at_once(monkeypatch, at_a_time):
    monkeypatch.setattr(color_masks, "_COUNTED", at_a_time)
    np.testing.assert_array_equal(occurrences(MASK), np.bincount(MASK.ravel()))
    np.testing.assert_array_equal(
        occurrences(MASK[:, ::2], length=400), np.bincount(MASK[:, ::2].ravel(), minlength=400)
    )
    assert occurrences(MASK[:0], length=2).tolist() == [0, 0]
    values, counts = np.unique(MASK, return_counts=True)
    assert value_counts(MASK) == dict(zip(values.tolist(), counts.tolist(), strict=True))
