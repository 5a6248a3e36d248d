import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from atrous.ops.loss.coarse_labels import coarse_labels
from atrous.ops.upsample import Placement

IGNORE = 99


@pytest.mark.parametrize("align_corners", [True, False])
@given(size=st.tuples(st.integers(1, 6), st.integers(1, 6)), whole=st.tuples(st.integers(6, 30), st.integers(6, 30)))
def test_each_logit_has_the_label_nearest_to_where_it_lies(align_corners, size, whole):
    crop = (whole[0] - 2, whole[1] - 3)
    labels = torch.arange(2 * crop[0] * crop[1]).view(2, *crop)
    found = coarse_labels(
        labels, size, placement=Placement(whole, align_corners=align_corners, crop=crop), ignore=IGNORE
    )
    for row, column in np.ndindex(*size):
        places = []
        for index, new, old in ((row, size[0], whole[0]), (column, size[1], whole[1])):
            aligned, edges = Fraction(index * (old - 1), max(new - 1, 1)), Fraction(old * (2 * index + 1), 2 * new)
            places.append(math.floor(aligned + Fraction(1, 2) if align_corners else edges))
        inside = places[0] < crop[0] and places[1] < crop[1]
        expected = labels[:, places[0], places[1]] if inside else torch.full((2,), IGNORE)
        assert torch.equal(found[:, row, column], expected)
