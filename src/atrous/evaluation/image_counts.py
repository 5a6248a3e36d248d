"""What was counted on every image: small enough to keep for all of them, enough to ask how far the mean IoU varies."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from atrous.evaluation.overlap import matrix_overlap

FRAMES = 10
"""Of a video that are one block: neighbours resemble each other, the tenth from here hardly (CamVid: ten seconds)."""


@dataclass(frozen=True)
class ImageCounts:
    """The overlap of one image, of those classes alone that occur in it.

    Attributes:
        name: Of the sample.
        sequence: The video that it is a frame of; empty where it stands alone.
        classes: Class ids that occur in truth or prediction.
        both: Pixels of each of them in truth and prediction.
        truth: Pixels of each of them in the truth.
        predicted: Pixels of each of them in the prediction.
    """

    name: str
    sequence: str
    classes: tuple[int, ...]
    both: tuple[int, ...]
    truth: tuple[int, ...]
    predicted: tuple[int, ...]

    @classmethod
    def of(cls, matrix: Int64[np.ndarray, "k k"], *, name: str, sequence: str) -> "ImageCounts":
        """From the confusion matrix of the image."""
        counts = matrix_overlap(matrix)
        present = np.flatnonzero(counts.any(axis=0))
        both, truth, predicted = (tuple(row) for row in counts[:, present].tolist())
        return cls(name, sequence, tuple(present.tolist()), both, truth, predicted)


def block_overlaps(images: Sequence[ImageCounts], *, classes: int) -> Int64[np.ndarray, "blocks 3 k"]:
    """Overlaps of the parts of a data set: `FRAMES` frames of a video in a row, any other image by itself."""
    blocks, frames = dict[tuple[str, str], int](), Counter[str]()
    places = []
    for one in images:
        part = str(frames[one.sequence] // FRAMES) if one.sequence else one.name
        places.append(blocks.setdefault((one.sequence, part), len(blocks)))
        frames[one.sequence] += 1
    overlaps = np.zeros((len(blocks), 3, classes), np.int64)
    for place, one in zip(places, images, strict=True):
        overlaps[place][:, list(one.classes)] += np.array([one.both, one.truth, one.predicted], np.int64)
    return overlaps
