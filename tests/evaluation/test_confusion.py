"""Counting pixels, by hand and against torchmetrics."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torchmetrics.classification import MulticlassConfusionMatrix

from atrous.errors import InputError
from atrous.evaluation.confusion import ConfusionMatrix


def counted(labels, truth, *, classes, ignore=255):
    confusion = ConfusionMatrix(classes)
    confusion.update(np.array(labels), np.array(truth), ignore=ignore)
    return confusion.matrix


def test_rows_are_truth_and_columns_prediction():
    matrix = counted([[0, 1, 1], [2, 2, 0]], [[0, 0, 1], [2, 1, 255]], classes=3)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [0, 1, 1], [0, 0, 1]])
    assert matrix.dtype == np.int64


def test_images_add_up():
    confusion = ConfusionMatrix(2)
    confusion.update(np.array([0, 1]), np.array([0, 0]), ignore=255)
    confusion.update(np.array([[1]]), np.array([[1]]), ignore=255)
    np.testing.assert_array_equal(confusion.matrix, [[1, 1], [0, 1]])


def test_an_image_of_nothing_but_ignored_pixels_counts_nothing():
    assert counted([[0, 1]], [[255, 255]], classes=2).sum() == 0


def test_predictions_under_ignored_pixels_are_not_looked_at():
    assert counted([9, 0], [11, 0], classes=2, ignore=11).sum() == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_every_integer_type_gives_the_same_counts(dtype):
    labels, truth = np.array([0, 99, 99], dtype), np.array([99, 99, 0], dtype)
    matrix = counted(labels, truth, classes=100)  # 99 * 100 + 99 does not fit into 8 bits
    assert matrix[99, 0] == matrix[99, 99] == matrix[0, 99] == 1


@pytest.mark.parametrize(
    ("labels", "truth", "message"),
    [
        ([0, 3], [0, 1], "value 3 in the prediction is no class id 0..2"),
        ([0, -1], [0, 1], "value -1 in the prediction"),
        ([0, 1], [0, 7], r"value 7 in the truth \(ignore value 255\) is no class id 0..2"),
        ([0, 1], [-1, 0], "value -1 in the truth"),
        ([0, 1], [[0, 1]], r"prediction \[2\] and truth \[1, 2\] differ in size"),
    ],
)
def test_what_cannot_be_counted_is_refused_and_nothing_counted(labels, truth, message):
    confusion = ConfusionMatrix(3)
    with pytest.raises(InputError, match=message):
        confusion.update(np.array(labels), np.array(truth), ignore=255)
    assert confusion.matrix.sum() == 0


@given(
    arrays.arrays(np.uint8, (5, 7), elements=st.integers(0, 3)),
    arrays.arrays(np.uint8, (5, 7), elements=st.sampled_from([0, 1, 2, 3, 255])),
)
def test_equals_torchmetrics(labels, truth):
    oracle = MulticlassConfusionMatrix(num_classes=4, ignore_index=255)
    expected = oracle(torch.tensor(labels, dtype=torch.long), torch.tensor(truth, dtype=torch.long))
    np.testing.assert_array_equal(counted(labels, truth, classes=4), expected.numpy())
