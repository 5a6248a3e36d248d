"""Random exposure, blur and noise: each against its own formula, and drawn as often and as strongly as stated."""

import numpy as np
import pytest

from atrous.data.sample import Sample
from atrous.data.transforms.degradation import RandomDegradation


class Drawn(np.random.Generator):
    """A generator that draws what it is told.

    Args:
        applied: Whether the picture is exposed anew, blurred, made noisy.
        numbers: Exponent of 2, standard deviation of the blur, of the noise.
    """

    def __init__(self, applied: tuple[bool, bool, bool], numbers: tuple[float, float, float]) -> None:
        super().__init__(np.random.PCG64(0))
        self._applied, self._numbers = applied, iter(numbers)
        self.ranges: list[tuple[float, float]] = []

    def random(self, count):
        assert count == 3
        return np.where(self._applied, 0.49, 0.5)

    def uniform(self, low, high):
        self.ranges.append((low, high))
        return next(self._numbers)

    def standard_normal(self, shape, dtype):
        return np.random.default_rng(7).standard_normal(shape, dtype)


def picture(channels: int = 3) -> Sample:
    image = np.random.default_rng(0).integers(0, 256, (20, 31, channels), dtype=np.uint8)
    return Sample("a", image, np.ones((20, 31), np.uint8))


def degraded(sample: Sample, applied, numbers=(0.7, 1.3, 11.0), strength=1.0) -> np.ndarray:
    changed = RandomDegradation(strength)(sample, Drawn(applied, numbers))
    assert changed.labels is sample.labels
    assert changed.image.dtype == np.uint8
    return changed.image


@pytest.mark.parametrize("exponent", [-1.0, -0.3, 0.0, 1.0])
def test_exposure_is_a_power_of_the_values(exponent):
    sample = picture()
    expected = [round(255 * (value / 255) ** 2**exponent) for value in sample.image.ravel().tolist()]
    np.testing.assert_array_equal(degraded(sample, (True, False, False), (exponent, 1.3, 11.0)).ravel(), expected)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """The Gaussian mean of every channel, up to four standard deviations away, edges mirrored; by the definition."""
    reach = int(4 * sigma + 0.5)
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-(steps**2) / (2 * sigma**2))
    weights /= weights.sum()
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1), axis=(0, 1))
    return np.einsum("hwcij,i,j->hwc", windows, weights, weights)


@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_blur_is_the_gaussian_mean_of_each_channel_with_mirrored_edges(channels, sigma):
    sample = picture(channels)
    found = degraded(sample, (False, True, False), (0.7, sigma, 11.0))
    assert np.abs(found - blurred(sample.image.astype(float), sigma)).max() <= 0.501  # rounded once


def test_noise_has_its_deviation_and_is_independent_in_every_value():
    sample = Sample("a", np.full((200, 300, 3), 128, np.uint8), None)
    noise = degraded(sample, (False, False, True), (0.7, 1.3, 20.0)).astype(float) - 128
    assert noise.mean() == pytest.approx(0, abs=0.2)
    assert noise.std() == pytest.approx(20, rel=0.01)
    assert np.abs(np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)).max() < 0.02
    assert abs(np.corrcoef(noise[:, 1:, 0].ravel(), noise[:, :-1, 0].ravel())[0, 1]) < 0.02


def test_what_leaves_the_range_is_clipped():
    sample = Sample("a", np.array([[[0, 255, 0], [255, 0, 255]]], np.uint8), None)
    image = degraded(sample, (False, False, True), (0.0, 0.0, 30.0))
    noise = 30 * np.random.default_rng(7).standard_normal((1, 2, 3), np.float32)
    np.testing.assert_array_equal(image, np.clip(np.rint(sample.image + noise), 0, 255))


def test_all_three_come_in_their_order_and_are_rounded_once():
    sample = picture()
    noise = 11 * np.random.default_rng(7).standard_normal((20, 31, 3), np.float32)
    expected = np.clip(blurred(255 * (sample.image / 255) ** 2**0.7, 1.3) + noise, 0, 255)
    assert np.abs(degraded(sample, (True, True, True)) - expected).max() <= 0.501


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_ranges_grow_with_the_strength(strength):
    drawn = Drawn((True, True, True), (0.1, 0.2, 0.3))
    RandomDegradation(strength)(picture(), drawn)
    assert drawn.ranges == [(-strength, strength), (0, 2 * strength), (0, 30 * strength)]


def test_each_is_drawn_half_of_the_time_and_by_itself():
    """1600 draws of two grey halves, by chi-square."""
    generator = np.random.default_rng(0)
    image = np.repeat(np.uint8([60] * 12 + [160] * 12), 24).reshape(24, 24, 1)
    noisy, clean = 0, np.zeros((2, 2))
    for _ in range(1600):
        changed = RandomDegradation(1.0)(Sample("a", image, None), generator).image[..., 0].astype(int)
        if changed[0].std() > 0:  # the first row is all grey
            noisy += 1
        else:
            clean[int(changed[0, 0] != 60), int(len(np.unique(changed)) > 2)] += 1
    assert (noisy - 800) ** 2 / 400 < 10.8  # 0.999 quantile, 1 degree of freedom
    # Exponents of less than 2^0.008 and blurs of less than 0.31 pixels (of 2) round away.
    expected = np.outer([0.504, 0.496], [0.5775, 0.4225]) * clean.sum()
    assert ((clean - expected) ** 2 / expected).sum() < 16.3  # 0.999 quantile, 3 degrees of freedom


def test_a_strength_of_0_changes_nothing_and_other_ranges_are_refused():
    sample = picture()
    generator = np.random.default_rng(0)
    for _ in range(8):
        np.testing.assert_array_equal(RandomDegradation(0.0)(sample, generator).image, sample.image)
    for strength in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="out of range"):
            RandomDegradation(strength)
