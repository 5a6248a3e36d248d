"""The bootstrap against drawing images one by one, and against what is known about its distribution."""

import math

import numpy as np
import pytest

from atrous.evaluation.bootstrap import RESAMPLES, SEED, interval, miou_interval, resampled
from atrous.evaluation.counts import ImageCounts, block_overlaps
from atrous.evaluation.metrics import miou


def image(matrix, name, sequence=""):
    return ImageCounts.of(np.array(matrix), name=name, sequence=sequence)


def random_images(count, *, classes=4, seed=0):
    generator = np.random.default_rng(seed)
    matrices = generator.integers(0, 50, (count, classes, classes)) * generator.integers(0, 2, (count, classes, 1))
    return matrices, [image(matrix, f"i{number}") for number, matrix in enumerate(matrices)]


def test_an_image_keeps_its_overlap_and_the_classes_that_occur():
    one = image([[0, 0, 0], [0, 5, 2], [0, 0, 0]], "a")
    assert (one.classes, one.both, one.truth, one.predicted) == ((1, 2), (5, 0), (7, 0), (5, 2))
    np.testing.assert_array_equal(block_overlaps([one], classes=3), [[[0, 5, 0], [0, 7, 0], [0, 5, 2]]])


def test_a_long_video_is_cut_into_blocks_of_ten_frames():
    """1 + 2 + .. + 10, then the rest; frames of another video in between do not count."""
    ones = [image([[number]], str(number), video) for number in range(1, 13) for video in ("v", "w")]
    assert block_overlaps(ones, classes=1)[:, 0, 0].tolist() == [55, 55, 23, 23]


def test_frames_of_a_video_are_one_block_and_other_images_their_own():
    """An image that is called like a video is no frame of it."""
    ones = [image([[n, 0], [0, 0]], name, video) for n, name, video in ((1, "v", ""), (2, "b", "v"), (4, "c", "v"))]
    assert block_overlaps(ones, classes=2)[:, 0, 0].tolist() == [1, 6]


def test_every_draw_is_the_miou_of_that_data_set():
    """The draws repeated one by one; whole confusion matrices summed."""
    matrices, images = random_images(7)
    generator = np.random.default_rng(SEED)
    expected = [miou(matrices[generator.integers(7, size=7)].sum(axis=0)) for _ in range(RESAMPLES)]
    found = miou_interval(images, classes=4)
    assert found is not None
    assert found.blocks == 7
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(expected, [2.5, 97.5])), abs=1e-12)
    assert found == miou_interval(images, classes=4)


def test_the_spread_is_that_of_a_binomial():
    """Of 200 images of a pixel each, half of them right, the share that is right has a deviation of sqrt(1/4/200)."""
    blocks = np.repeat(np.array([[[1], [1], [1]], [[0], [1], [1]]]), 100, axis=0)
    shares = resampled(blocks)[:, 0, 0] / 200
    assert shares.std() == pytest.approx(math.sqrt(0.25 / 200), rel=0.1)
    assert shares.mean() == pytest.approx(0.5, abs=0.005)


def test_equal_images_leave_nothing_to_vary():
    found = miou_interval([image([[3, 1], [0, 4]], str(n)) for n in range(5)], classes=2)
    assert found is not None
    assert found.low == found.high == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_draws_without_any_labelled_pixel_are_left_out():
    found = miou_interval([image([[1, 1], [0, 0]], "a"), image(np.zeros((2, 2), int), "b")], classes=2)
    assert found is not None
    assert found.low == found.high == 0.25


@pytest.mark.parametrize(
    "images",
    [
        [],
        [image([[1]], "a")],
        [image([[1]], "a", "video"), image([[1]], "b", "video")],
        [image([[0]], "a"), image([[0]], "b")],
    ],
)
def test_no_interval_without_two_independent_images_and_a_labelled_pixel(images):
    assert miou_interval(images, classes=1) is None


def test_the_middle_of_a_known_row():
    values = np.append(np.arange(1001.0), math.nan)
    found = interval(values, blocks=3)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((25, 975))
