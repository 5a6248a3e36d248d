from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.analysis.valid_taps import mean_valid_share, valid_shares


def counted_shares(size, rate):
    """Brute force: at every position, how many of the nine taps lie inside."""
    height, width = size
    counts = dict.fromkeys((9, 6, 4, 3, 2, 1), 0)
    for row, column in product(range(height), range(width)):
        taps = product((row - rate, row, row + rate), (column - rate, column, column + rate))
        counts[sum(0 <= i < height and 0 <= j < width for i, j in taps)] += 1
    return {taps: count / (height * width) for taps, count in counts.items()}


@given(st.integers(1, 14), st.integers(1, 14), st.integers(1, 16))
def test_shares_are_counted_shares(height, width, rate):
    shares, counted = valid_shares((height, width), rate=rate), counted_shares((height, width), rate)
    assert shares == pytest.approx(counted)
    mean = sum(taps / 9 * share for taps, share in counted.items())
    assert mean_valid_share((height, width), rate=rate) == pytest.approx(mean)


@pytest.mark.parametrize(
    ("rate", "nine", "four", "one"),
    # papers.md, section 1.5: 65x65 map (DeepLabv3, Figure 4); it rounds (64/65)^2 = 0.96947 up.
    [
        (1, 0.939, 0.001, 0), (6, 0.665, 0.034, 0), (12, 0.398, 0.136, 0), (18, 0.199, 0.307, 0),
        (24, 0.068, 0.545, 0), (32, 0.000, 0.970, 0), (36, 0, 0.796, 0.012), (48, 0, 0.274, 0.227),
        (56, 0, 0.077, 0.523), (64, 0, 0.001, 0.939), (65, 0, 0, 1), (90, 0, 0, 1),
    ],
)  # fmt: skip
def test_figure_4(rate, nine, four, one):
    shares = valid_shares((65, 65), rate=rate)
    assert (shares[9], shares[4], shares[1]) == pytest.approx((nine, four, one), abs=6e-4)
    assert sum(shares.values()) == pytest.approx(1)
    assert shares[3] == 0  # 3 = 3 x 1: only where rows and columns differ in length


def test_means_at_33():
    means = [mean_valid_share((33, 33), rate=rate) for rate in (6, 12, 18)]
    assert means == pytest.approx([0.772, 0.574, 0.405], abs=5e-4)
