"""Means, intervals and differences of rows against those of single reports."""

import numpy as np
import pytest

from atrous.evaluation.bootstrap import interval, miou_interval, resampled
from atrous.evaluation.counts import ImageCounts, block_overlaps
from atrous.evaluation.metrics import overlap_miou
from atrous.papers.intervals import mean_miou, miou_difference

CLASSES = 3


def images(seed, *, quality):
    """Counts of twelve pictures whose predictions are right with a probability."""
    generator = np.random.default_rng(seed)
    counted = []
    for number in range(12):
        truth = np.random.default_rng(number).integers(CLASSES, size=200)
        right = generator.random(200) < quality
        prediction = np.where(right, truth, generator.integers(CLASSES, size=200))
        matrix = np.zeros((CLASSES, CLASSES), np.int64)
        np.add.at(matrix, (truth, prediction), 1)
        counted.append(ImageCounts.of(matrix, name=str(number), sequence=""))
    return counted


def overlaps(counted):
    return block_overlaps(counted, classes=CLASSES)


def test_one_seed_is_the_interval_of_its_report():
    counted = images(1, quality=0.7)
    found, expected = mean_miou([overlaps(counted)]), miou_interval(counted, classes=CLASSES)
    assert found.interval == pytest.approx((100 * expected.low, 100 * expected.high))
    assert found.value == pytest.approx(100 * overlap_miou(overlaps(counted).sum(axis=0)))


def test_difference_is_paired():
    first, second = overlaps(images(1, quality=0.9)), overlaps(images(2, quality=0.6))
    found = miou_difference([first], [second])
    values = overlap_miou(resampled(np.stack([first, second], axis=1)))
    expected = interval(values[:, 0] - values[:, 1], blocks=12)
    assert found.interval == pytest.approx((100 * expected.low, 100 * expected.high))
    assert found.interval[0] > 0
    assert miou_difference([first], [first]).interval == (0, 0)


def test_seeds_are_averaged_and_widen_the_interval():
    good, bad = overlaps(images(1, quality=0.95)), overlaps(images(2, quality=0.5))
    alone = mean_miou([good])
    both = mean_miou([good, bad])
    assert both.value == pytest.approx((alone.value + mean_miou([bad]).value) / 2)
    assert both.interval[1] - both.interval[0] > 3 * (alone.interval[1] - alone.interval[0])
    # Drawn seeds are (0, 0), (0, 1), (1, 0) or (1, 1): the ends are those of one seed alone.
    assert both.interval[1] == pytest.approx(alone.interval[1], abs=1)


def test_one_picture_has_no_interval():
    assert mean_miou([overlaps(images(1, quality=0.9)[:1])]).interval is None
