"""How much of each class every image shows."""

import numpy as np
from jaxtyping import Int64

from atrous.data.dataset import DataSet
from atrous.inference.prefetch import prefetch


def class_counts(data: DataSet) -> Int64[np.ndarray, "n k"]:
    """Labelled pixels of each class in each image; reads every mask."""
    counts = np.zeros((len(data), len(data.labels)), np.int64)
    for index, sample in prefetch(data.__getitem__, range(len(data))):
        if (labels := sample.result().labels) is not None:
            counts[index] = np.bincount(labels[labels != data.labels.ignore], minlength=len(data.labels))
    return counts
