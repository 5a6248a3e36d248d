"""Counting which class was taken for which."""

import numpy as np
from jaxtyping import Int64, Integer

from atrous.errors import InputError


class ConfusionMatrix:
    """Pixel counts over a whole data set.

    Attributes:
        matrix: Pixels by `[true class, predicted class]`.
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
        counted = truth != ignore
        rows = _class_ids(truth[counted], classes=len(self.matrix), what=f"truth (ignore value {ignore})")
        columns = _class_ids(labels[counted], classes=len(self.matrix), what="prediction")
        cells = np.bincount(rows * len(self.matrix) + columns, minlength=self.matrix.size)
        self.matrix += cells.reshape(self.matrix.shape)


def _class_ids(values: Integer[np.ndarray, " n"], *, classes: int, what: str) -> Int64[np.ndarray, " n"]:
    if values.size and not 0 <= values.min() <= values.max() < classes:
        stray = values[(values < 0) | (values >= classes)][0]
        raise InputError(f"value {stray} in the {what} is no class id 0..{classes - 1}; check the label space")
    return values.astype(np.int64)
