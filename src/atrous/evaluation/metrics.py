"""Metrics computed from a confusion matrix `[true class, predicted class]` of pixel counts, or from an overlap.

The mean IoU is that of PASCAL VOC: one matrix over the data set, and the mean over the classes that occur in truth or
prediction. A metric without any pixel to be measured on is NaN, never 0 or 1.
"""

import math

import numpy as np
from jaxtyping import Float64, Int64, Num
from numpy.typing import ArrayLike

from atrous.evaluation.confusion import matrix_overlap

Matrix = Int64[np.ndarray, "k k"]
PerClass = Float64[np.ndarray, " k"]


def iou(matrix: Matrix) -> PerClass:
    """Intersection over union of every class, 0..1; NaN for a class absent from truth and prediction."""
    return overlap_iou(matrix_overlap(matrix))


def miou(matrix: Matrix) -> float:
    """Mean IoU over the classes that occur; NaN without any counted pixel."""
    return float(_mean(iou(matrix)))


def overlap_iou(overlaps: Num[np.ndarray, "*many 3 k"]) -> Float64[np.ndarray, "*many k"]:
    """IoU of every class, 0..1, from one overlap or from many; NaN as for `iou`."""
    hits, truth, predicted = np.moveaxis(overlaps, -2, 0)
    return _ratio(hits, truth + predicted - hits)


def overlap_miou(overlaps: Num[np.ndarray, "*many 3 k"]) -> Float64[np.ndarray, "*many"]:
    """Mean IoU from one overlap or from many; NaN as for `miou`."""
    return _mean(overlap_iou(overlaps))


def class_accuracy(matrix: Matrix) -> PerClass:
    """Share of every class's true pixels that were found (recall), 0..1; NaN for a class absent from the truth."""
    return _ratio(np.diag(matrix), matrix.sum(axis=1))


def mean_class_accuracy(matrix: Matrix) -> float:
    """Mean of `class_accuracy` over the classes in the truth; NaN without any counted pixel."""
    return float(_mean(class_accuracy(matrix)))


def pixel_accuracy(matrix: Matrix) -> float:
    """Share of all counted pixels that are right, 0..1; NaN without any."""
    return float(_ratio(np.trace(matrix), matrix.sum()))


def frequency_weighted_iou(matrix: Matrix) -> float:
    """IoU of the classes weighted with their shares of the true pixels; NaN without any counted pixel."""
    present = matrix.sum(axis=1) > 0
    return float(_ratio((matrix.sum(axis=1) * np.where(present, iou(matrix), 0.0)).sum(), matrix.sum()))


def finite_or_none(value: float) -> float | None:
    """The number, or None for NaN: there is no such number."""
    return None if math.isnan(value) else value


def _ratio(part: ArrayLike, whole: ArrayLike) -> np.ndarray:
    """Return part / whole, NaN where whole is 0."""
    return np.where(np.greater(whole, 0), np.divide(part, np.maximum(whole, 1)), np.nan)


def _mean(values: Float64[np.ndarray, "*many k"]) -> Float64[np.ndarray, "*many"]:
    """Mean over the classes whose value is not NaN."""
    return _ratio(np.nansum(values, axis=-1), (~np.isnan(values)).sum(axis=-1))
