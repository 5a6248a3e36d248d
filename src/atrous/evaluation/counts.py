"""All that is counted on an image, and on a data set: sums, whatever its size."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from atrous.evaluation.boundary_iou import boundary_overlap
from atrous.evaluation.confusion import ConfusionMatrix
from atrous.evaluation.example import Example
from atrous.evaluation.overlap import Overlap
from atrous.evaluation.trimap import WIDTHS, Trimap, trimap
from atrous.labels import LabelSpace


@dataclass(frozen=True)
class Counts:
    """Pixel counts of one image or of many.

    Attributes:
        matrix: Pixels by `[true class, predicted class]`.
        boundary: The overlap near contours.
        trimap: The overlaps inside bands.
    """

    matrix: Int64[np.ndarray, "k k"]
    boundary: Overlap
    trimap: Trimap

    @classmethod
    def of(cls, example: Example, *, space: LabelSpace) -> "Counts":
        """Count an image; raises InputError where a counted pixel holds anything but a class id."""
        confusion = ConfusionMatrix(len(space))
        confusion.update(example.labels, example.truth, ignore=space.ignore)
        maps, classes, ignore = (example.labels, example.truth), len(space), space.ignore
        return cls(
            confusion.matrix,
            boundary=boundary_overlap(*maps, classes=classes, ignore=ignore),
            trimap=trimap(*maps, classes=classes, ignore=ignore),
        )

    @classmethod
    def none(cls, classes: int) -> "Counts":
        """Before the first image."""
        matrix, overlap = np.zeros((classes, classes), np.int64), np.zeros((3, classes), np.int64)
        return cls(matrix, boundary=overlap, trimap=Trimap("label boundaries", np.stack([overlap] * len(WIDTHS))))

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.matrix + other.matrix, self.boundary + other.boundary, self.trimap + other.trimap)
