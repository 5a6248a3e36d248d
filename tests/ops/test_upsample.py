import importlib
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.ops import upsample, upsample_bands
from reference.operations import bilinear
from reference.placement import placed
from reference.weights import uniform

MODULE = importlib.import_module("atrous.ops.upsample")  # the package's attribute of that name is the function


def whole(bands):
    """The bands put together; they must follow each other without gap or overlap."""
    rows, parts = zip(*bands, strict=True)
    assert rows[0].start == 0
    assert all(before.stop == after.start for before, after in pairwise(rows))
    assert [part.shape[2] for part in parts] == [row.stop - row.start for row in rows]
    return torch.cat(parts, dim=2)


def test_two_by_two_by_hand():
    logits = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    aligned = upsample(logits, placed((3, 5), align_corners=True))
    assert aligned.tolist() == [[[[0, 1, 2, 3, 4], [4, 5, 6, 7, 8], [8, 9, 10, 11, 12]]]]
    edges = upsample(logits, placed((2, 4), align_corners=False))
    assert edges.tolist() == [[[[0, 1, 3, 4], [8, 9, 11, 12]]]]


@settings(max_examples=80)
@given(
    coarse=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    more=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    cut=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    align_corners=st.booleans(),
    band=st.sampled_from([1, 40, 200, 1 << 20]),
)
def test_every_way_is_the_definition(coarse, more, cut, align_corners, band):
    logits = uniform(2, 3, *coarse)
    height, width = (length + extra for length, extra in zip(coarse, more, strict=True))
    rows, columns = max(height - cut[0], 1), max(width - cut[1], 1)
    placement = {"size": (height, width), "align_corners": align_corners, "crop": (rows, columns)}
    expected = bilinear(logits.numpy(), (height, width), align_corners=align_corners)[..., :rows, :columns]
    np.testing.assert_allclose(upsample(logits, placed(**placement)).numpy(), expected, atol=1e-12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "BAND_FLOATS", band)
        np.testing.assert_allclose(whole(upsample_bands(logits, placed(**placement))).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("align_corners", [False, True])
def test_without_a_crop_all_of_it(align_corners):
    logits = uniform(1, 2, 3, 4)
    expected = bilinear(logits.numpy(), (9, 13), align_corners=align_corners)
    np.testing.assert_allclose(upsample(logits, placed((9, 13), align_corners=align_corners)), expected, atol=1e-12)
    bands = upsample_bands(logits, placed((9, 13), align_corners=align_corners))
    np.testing.assert_allclose(whole(bands), expected, atol=1e-12)


@pytest.mark.parametrize("align_corners", [False, True])
def test_single_precision_at_a_real_size(align_corners, monkeypatch):
    """Logits of -10..10; torch's positions are single too, hence the tolerance."""
    monkeypatch.setattr(MODULE, "BAND_FLOATS", 1 << 16)
    logits = (10 * uniform(1, 3, 33, 17)).float()
    placement = {"size": (513, 257), "align_corners": align_corners, "crop": (500, 250)}
    bands, full = whole(upsample_bands(logits, placed(**placement))), upsample(logits, placed(**placement))
    expected = bilinear(logits.double().numpy(), (513, 257), align_corners=align_corners)[..., :500, :250]
    np.testing.assert_allclose(bands, expected, rtol=0, atol=5e-5)
    np.testing.assert_allclose(full, expected, rtol=0, atol=5e-5)


def test_bands_never_hold_much_more_than_asked(monkeypatch):
    monkeypatch.setattr(MODULE, "BAND_FLOATS", 5000)
    logits = torch.zeros(2, 5, 8, 8)
    sizes = [band.numel() for _, band in upsample_bands(logits, placed((100, 60), align_corners=True))]
    assert max(sizes) <= 5000
    assert len(sizes) == 13  # 8 rows of 2 x 5 x 60 logits each
