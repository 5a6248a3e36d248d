"""Weights for rare classes from how often each occurs."""

import numpy as np
from jaxtyping import Float, Int64

from atrous.data.dataset import DataSet


def class_counts(data: DataSet) -> Int64[np.ndarray, " k"]:
    """Labelled pixels of each class over a whole data set; reads every mask."""
    counts = np.zeros(len(data.labels), dtype=np.int64)
    for index in range(len(data)):
        labels = data[index].labels
        if labels is not None:
            counts += np.bincount(labels[labels != data.labels.ignore], minlength=len(counts))
    return counts


def balanced_weights(counts: Int64[np.ndarray, " k"], *, exponent: float) -> Float[np.ndarray, " k"]:
    """(median frequency / frequency) ** exponent, scaled so that the mean over pixels is 1; 0 for absent classes.

    Exponent 1 is median frequency balancing, as in SegNet's CamVid protocol, but with frequencies over all labelled
    pixels instead of the pixels of images that show the class. The scaling keeps the learning rate's meaning.

    Args:
        counts: Pixels of each class, some of them above 0.
        exponent: 0 weighs every present class the same.
    """
    present = counts > 0
    frequency = counts / counts.sum()
    weights = np.zeros(len(counts))
    weights[present] = (np.median(frequency[present]) / frequency[present]) ** exponent
    return weights / (weights * frequency).sum()
