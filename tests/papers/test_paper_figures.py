"""Numbers behind the figures that explain the papers."""

import numpy as np
import pytest

from atrous.papers.figures.boundaries import band_curve, best_map
from atrous.papers.figures.branches import tap_positions
from atrous.papers.figures.fields import NETWORKS, receptive_fields_of
from atrous.papers.figures.rates import block_rates, draw_rates

BLOCKS = [f"block{number}" for number in range(1, 8)]


@pytest.mark.parametrize(
    ("output_stride", "rates"),
    [
        (8, [1, 1, 2, 4, 8, 16, 32]),
        (16, [1, 1, 1, 2, 4, 8, 16]),  # DeepLabv3, Figure 3b
        (64, [1, 1, 1, 1, 1, 2, 4]),
        (256, [1, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_rates_of_the_cascade(output_stride, rates):
    assert block_rates(output_stride) == dict(zip(BLOCKS, rates, strict=True))


def test_taps_of_the_branches():
    """Rate 6 at output stride 16 is 96 pixels."""
    assert tap_positions((200, 300), ()) == [(200, 300)]
    taps = tap_positions((200, 300), (6,))
    assert sorted({x for x, _ in taps}) == [104, 200, 296]
    assert sorted({y for _, y in taps}) == [204, 300, 396]


def test_a_branch_sees_twice_its_rate_more():
    """In pixels: two taps aside, rate times output stride apart, on top of what block4 sees."""
    fields = dict(receptive_fields_of(NETWORKS["block4 with Multi_Grid (1, 2, 4), then ASPP"]))
    assert fields["aspp0"] == fields["block4/unit_3"]
    for branch, rate in (("aspp1", 6), ("aspp2", 12), ("aspp3", 18)):
        assert fields[branch] - fields["aspp0"] == 2 * 16 * rate


def test_best_maps():
    labels = np.zeros((33, 33), np.uint8)
    labels[:, 16:] = 1
    labels[3, 3] = 2  # a single pixel, which no map of stride 16 can hold
    assert (best_map(labels, stride=1, classes=3) == labels).all()
    coarse = best_map(labels, stride=16, classes=3)
    assert {*np.unique(coarse)} == {0, 1}
    assert (coarse[:, :8] == 0).all()
    assert (coarse[:, 24:] == 1).all()
    curves = [band_curve([labels], stride=stride, classes=3) for stride in (1, 4, 16)]
    assert curves[0] == [1] * 6
    assert all(fine > rough for fine, rough in zip(curves[1][1:], curves[2][1:], strict=True))


def test_equal_numbers_give_equal_files(tmp_path):
    first, second = draw_rates(tmp_path / "a"), draw_rates(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
