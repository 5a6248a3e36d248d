"""Metrics by hand, against torchmetrics, and where libraries disagree."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from atrous.evaluation import metrics
from atrous.evaluation.confusion import ConfusionMatrix

# Class 3 is nowhere. 10 pixels: IoU 4/6, 2/5, 1/2; recall 4/5, 2/4, 1/1.
MATRIX = np.array([[4, 1, 0, 0], [1, 2, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]])


def test_by_hand():
    np.testing.assert_allclose(metrics.iou(MATRIX), [4 / 6, 2 / 5, 1 / 2, math.nan])
    np.testing.assert_allclose(metrics.class_accuracy(MATRIX), [4 / 5, 2 / 4, 1, math.nan])
    assert metrics.miou(MATRIX) == pytest.approx((4 / 6 + 2 / 5 + 1 / 2) / 3)
    assert metrics.mean_class_accuracy(MATRIX) == pytest.approx((4 / 5 + 2 / 4 + 1) / 3)
    assert metrics.pixel_accuracy(MATRIX) == pytest.approx(0.7)
    assert metrics.frequency_weighted_iou(MATRIX) == pytest.approx(0.5 * 4 / 6 + 0.4 * 2 / 5 + 0.1 * 1 / 2)


def test_a_class_that_is_only_predicted_counts_as_zero():
    matrix = np.array([[3, 1], [0, 0]])
    np.testing.assert_allclose(metrics.iou(matrix), [3 / 4, 0])
    np.testing.assert_allclose(metrics.class_accuracy(matrix), [3 / 4, math.nan])
    assert metrics.miou(matrix) == pytest.approx(3 / 8)
    assert metrics.mean_class_accuracy(matrix) == pytest.approx(3 / 4)
    assert metrics.frequency_weighted_iou(matrix) == pytest.approx(3 / 4)


def test_one_pixel():
    assert metrics.miou(np.array([[0, 0], [0, 1]])) == metrics.pixel_accuracy(np.array([[0, 0], [0, 1]])) == 1
    assert metrics.miou(np.array([[0, 1], [0, 0]])) == metrics.pixel_accuracy(np.array([[0, 1], [0, 0]])) == 0


@pytest.mark.parametrize(
    "metric",
    [metrics.miou, metrics.pixel_accuracy, metrics.mean_class_accuracy, metrics.frequency_weighted_iou],
)
def test_without_a_labelled_pixel_there_is_no_number(metric):
    assert math.isnan(metric(np.zeros((3, 3), np.int64)))


def test_counts_of_a_large_data_set_do_not_overflow():
    matrix = np.array([[2**52, 2**40], [0, 2**51]])
    assert metrics.pixel_accuracy(matrix) == pytest.approx(1, abs=1e-3)


@given(
    arrays.arrays(np.uint8, (6, 9), elements=st.integers(0, 4)),
    arrays.arrays(np.uint8, (6, 9), elements=st.sampled_from([0, 1, 2, 3, 4, 255])),
)
def test_equals_torchmetrics_over_the_data_set(labels, truth):
    """Its macro average is PASCAL's; of the same library, `segmentation.MeanIoU` is not: it averages per image."""
    confusion = ConfusionMatrix(5)
    confusion.update(labels, truth, ignore=255)
    prediction, target = torch.tensor(labels, dtype=torch.long), torch.tensor(truth, dtype=torch.long)
    if (truth == 255).all():
        assert math.isnan(metrics.miou(confusion.matrix))
        return
    expected = MulticlassJaccardIndex(num_classes=5, average="macro", ignore_index=255)(prediction, target)
    assert metrics.miou(confusion.matrix) == pytest.approx(float(expected), abs=1e-6)
    per_class = MulticlassJaccardIndex(num_classes=5, average=None, ignore_index=255)(prediction, target)
    np.testing.assert_allclose(np.nan_to_num(metrics.iou(confusion.matrix)), per_class, atol=1e-6)
    accuracy = MulticlassAccuracy(num_classes=5, average="micro", ignore_index=255)(prediction, target)
    assert metrics.pixel_accuracy(confusion.matrix) == pytest.approx(float(accuracy), abs=1e-6)
