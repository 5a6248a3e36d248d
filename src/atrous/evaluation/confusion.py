"""Confusion matrices, and the overlap of truth and prediction that an IoU needs."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64, Integer

from atrous.errors import InputError

CHUNK = 2**22
"""Pixels that are counted at a time: class ids become 64-bit numbers, which nobody needs of a whole picture."""

OverlapCounts = Int64[np.ndarray, "3 k"]
"""Pixels of every class: those that have it in both truth and prediction, in the truth, and in the prediction."""


class ConfusionMatrix:
    """Confusion matrix of pixel counts over a data set.

    Attributes:
        matrix: Number of pixels by `[true class, predicted class]`.
    """

    matrix: Int64[np.ndarray, "k k"]

    def __init__(self, classes: int) -> None:
        self.matrix = np.zeros((classes, classes), np.int64)

    def update(self, labels: Integer[np.ndarray, "..."], truth: Integer[np.ndarray, "..."], *, ignore: int) -> None:
        """Count the pixels of one image, or of a batch.

        Args:
            labels: Predicted class ids.
            truth: True class ids and `ignore`, of the same shape.
            ignore: Pixels of this true value are not counted.

        Raises:
            InputError: If the shapes differ or a counted pixel holds anything but a class id.
        """
        if labels.shape != truth.shape:
            raise InputError(f"prediction {list(labels.shape)} and truth {list(truth.shape)} differ in size")
        classes, matrix = len(self.matrix), np.zeros_like(self.matrix)
        for some, theirs in zip(_chunks(labels), _chunks(truth), strict=True):
            counted = theirs != ignore
            rows = _class_ids(theirs[counted], classes=classes, name=f"truth (ignore value {ignore})")
            columns = _class_ids(some[counted], classes=classes, name="prediction")
            matrix += np.bincount(rows * classes + columns, minlength=matrix.size).reshape(matrix.shape)
        self.matrix += matrix


def matrix_overlap(matrix: Int64[np.ndarray, "k k"]) -> OverlapCounts:
    """Overlap of all pixels that a confusion matrix `[true class, predicted class]` counts."""
    return np.stack([np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)])


def class_histograms(*class_ids: Integer[np.ndarray, " _"], classes: int) -> Int64[np.ndarray, "lists k"]:
    """Histograms of class ids, one per list.

    The histograms of the pixels in both, in the truth and in the prediction, in this order, are an overlap.
    """
    return np.stack([_histogram(ids, classes=classes) for ids in class_ids])


def _histogram(ids: Integer[np.ndarray, " n"], *, classes: int) -> Int64[np.ndarray, " k"]:
    counts = np.zeros(classes, np.int64)
    for chunk in _chunks(ids):
        counts += np.bincount(chunk, minlength=classes)
    return counts


def _chunks(values: Integer[np.ndarray, "..."]) -> Iterator[Integer[np.ndarray, " _"]]:
    """Yield all values, at most `CHUNK` at a time, in their order."""
    flat = values.reshape(-1)
    for start in range(0, len(flat), CHUNK):
        yield flat[start : start + CHUNK]


def _class_ids(values: Integer[np.ndarray, " n"], *, classes: int, name: str) -> Int64[np.ndarray, " n"]:
    if values.size and not 0 <= values.min() <= values.max() < classes:
        stray = values[(values < 0) | (values >= classes)][0]
        raise InputError(f"value {stray} in the {name} is no class id 0..{classes - 1}; check the label space")
    return values.astype(np.int64)
