"""What prediction and truth have in common, class by class: all that an IoU needs."""

import numpy as np
from jaxtyping import Int64, Integer

Overlap = Int64[np.ndarray, "3 k"]
"""Pixels of every class: in both, in the truth, in the prediction."""


def histograms(*regions: Integer[np.ndarray, " _"], classes: int) -> Int64[np.ndarray, "regions k"]:
    """How often every class id occurs in each list; of what is in both, the truth and the prediction: an overlap."""
    return np.stack([np.bincount(region, minlength=classes) for region in regions])


def matrix_overlap(matrix: Int64[np.ndarray, "k k"]) -> Overlap:
    """The overlap of all pixels that a confusion matrix `[true class, predicted class]` counts."""
    return np.stack([np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)])
