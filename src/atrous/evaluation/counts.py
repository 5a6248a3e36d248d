"""Pixel counts of single images and of a whole data set."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from atrous.evaluation.boundaries import WIDTHS, Trimap, boundary_overlap, trimap
from atrous.evaluation.confusion import ConfusionMatrix, OverlapCounts, matrix_overlap
from atrous.evaluation.example import Example
from atrous.labels import LabelSpace

FRAMES_PER_BLOCK = 10
"""Consecutive video frames that form one block; the tenth frame hardly resembles the first (CamVid: ten seconds)."""


@dataclass(frozen=True)
class Counts:
    """Pixel counts of one image or summed over many.

    Attributes:
        matrix: Number of pixels by `[true class, predicted class]`.
        boundary: Overlap near contours, for Boundary IoU.
        trimap: Overlaps inside the bands of the trimap curve.
    """

    matrix: Int64[np.ndarray, "k k"]
    boundary: OverlapCounts
    trimap: Trimap

    @classmethod
    def from_example(cls, example: Example, *, space: LabelSpace) -> "Counts":
        """Count an image; raises InputError where a counted pixel holds anything but a class id."""
        confusion = ConfusionMatrix(len(space))
        confusion.update(example.prediction, example.truth, ignore=space.ignore)
        maps, classes, ignore = (example.prediction, example.truth), len(space), space.ignore
        return cls(
            confusion.matrix,
            boundary=boundary_overlap(*maps, classes=classes, ignore=ignore),
            trimap=trimap(*maps, classes=classes, ignore=ignore),
        )

    @classmethod
    def zeros(cls, classes: int) -> "Counts":
        """Return the counts of no image: the start of a sum."""
        matrix, overlap = np.zeros((classes, classes), np.int64), np.zeros((3, classes), np.int64)
        return cls(matrix, boundary=overlap, trimap=Trimap("label boundaries", np.stack([overlap] * len(WIDTHS))))

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.matrix + other.matrix, self.boundary + other.boundary, self.trimap + other.trimap)


@dataclass(frozen=True)
class ImageCounts:
    """Overlap of one image, limited to the classes that occur in it, so that all images' counts can be kept.

    Attributes:
        name: Name of the sample.
        sequence: Video that the image is a frame of; empty for a single image.
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
        """Counts of an image from its confusion matrix."""
        counts = matrix_overlap(matrix)
        present = np.flatnonzero(counts.any(axis=0))
        both, truth, predicted = (tuple(row) for row in counts[:, present].tolist())
        return cls(name, sequence, tuple(present.tolist()), both, truth, predicted)


def block_overlaps(images: Sequence[ImageCounts], *, classes: int) -> Int64[np.ndarray, "blocks 3 k"]:
    """Overlaps of the independent parts of a data set.

    `FRAMES_PER_BLOCK` consecutive frames of a video form one block, since neighbouring frames resemble each other. Any
    other image is a block by itself.
    """
    numbers, frames = dict[tuple[str, str], int](), Counter[str]()
    blocks = list[int]()
    for image in images:
        part = str(frames[image.sequence] // FRAMES_PER_BLOCK) if image.sequence else image.name
        blocks.append(numbers.setdefault((image.sequence, part), len(numbers)))
        frames[image.sequence] += 1
    overlaps = np.zeros((len(numbers), 3, classes), np.int64)
    for block, image in zip(blocks, images, strict=True):
        overlaps[block][:, list(image.classes)] += np.array([image.both, image.truth, image.predicted], np.int64)
    return overlaps
