import numpy as np
import pytest

from atrous.data.class_weights import balanced_weights


def test_median_frequency_balancing_by_hand():
    weights = balanced_weights(np.array([80, 10, 0, 10]), exponent=1.0)
    # Frequencies 0.8, 0.1, -, 0.1; median 0.1; raw weights 1/8, 1, 0, 1; mean over pixels 0.1 + 0.1 + 0.1 = 0.3.
    assert weights == pytest.approx(np.array([0.125, 1.0, 0.0, 1.0]) / 0.3)


def test_exponent_zero_weighs_every_present_class_the_same():
    assert balanced_weights(np.array([70, 20, 10]), exponent=0.0) == pytest.approx([1.0, 1.0, 1.0])


@pytest.mark.parametrize("exponent", [0.3, 0.5, 1.0])
def test_the_mean_over_pixels_is_one(exponent):
    counts = np.array([1000, 3, 50, 0, 7])
    assert (balanced_weights(counts, exponent=exponent) * counts).sum() / counts.sum() == pytest.approx(1.0)
