"""Metrics of the pixels near contours: Boundary IoU and the trimap curve.

Boundary IoU (Cheng et al., CVPR 2021, arXiv 2103.16562) is the IoU of the pixels within a distance of the contour of
their own region, in truth and prediction alike. The distance is a share of the image's diagonal, and the border of the
image counts as contour, as in the authors' code. The paper measures single objects. Here the pixels of a class are
summed over the data set before the ratio is taken, as for the plain IoU. Ignored pixels count nowhere. The prediction
is replaced by the ignore value there before its contours are found, so that ignored regions add no contour that only
one of the two label maps has.

The trimap curve (DeepLabv3+, section 4.4 and Figure 5) is the mean IoU inside bands of several widths around contours.
A band of n pixels holds the pixels that dilating the ignored pixels by a square of side 2n + 1 adds to them, as in the
authors' code for PASCAL VOC, whose annotators drew ignored pixels around every object. For an image without ignored
pixels the band holds the pixels that have another label within n pixels.

Distances are measured with squares: a pixel within distance n is at most n rows and n columns away.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int64, Integer

from atrous.evaluation.confusion import CHUNK, OverlapCounts, class_histograms

BOUNDARY_DISTANCE = 0.02
"""Distance of Boundary IoU as a share of the image's diagonal, as in the paper."""

WIDTHS = (1, 2, 4, 8, 16, 32)
"""Widths of the trimap bands in pixels; each band contains the one before."""

TrimapCentre = Literal["void", "label boundaries"]


def boundary_overlap(
    prediction: Integer[np.ndarray, "h w"], truth: Integer[np.ndarray, "h w"], *, classes: int, ignore: int
) -> OverlapCounts:
    """Overlap of prediction and truth near contours, for Boundary IoU.

    Args:
        prediction: Predicted class ids.
        truth: True class ids and `ignore`.
        classes: Number of classes.
        ignore: Value of pixels that are not counted; no class id.
    """
    distance = max(1, round(BOUNDARY_DISTANCE * math.hypot(*truth.shape)))
    counted = truth != ignore
    predicted = np.where(counted, prediction, truth)
    near_truth, near_predicted = (
        boundary_mask(regions, distance=distance, border=True) & counted for regions in (truth, predicted)
    )
    both = near_truth & near_predicted & (truth == predicted)
    return class_histograms(truth[both], truth[near_truth], predicted[near_predicted], classes=classes)


@dataclass(frozen=True)
class Trimap:
    """Pixel counts inside the bands of the trimap curve.

    Attributes:
        around: What the bands surround: ignored pixels (`void`) or label boundaries.
        overlaps: Overlap inside the band of each of `WIDTHS`.
    """

    around: TrimapCentre
    overlaps: Int64[np.ndarray, "widths 3 k"]

    def __add__(self, other: "Trimap") -> "Trimap":
        """Sum over images. If some of them have ignored pixels, images without any contribute nothing."""
        if self.around == other.around:
            return Trimap(self.around, self.overlaps + other.overlaps)
        return self if self.around == "void" else other


def trimap(
    prediction: Integer[np.ndarray, "h w"], truth: Integer[np.ndarray, "h w"], *, classes: int, ignore: int
) -> Trimap:
    """Count one image inside each band; arguments as for `boundary_overlap`."""
    void = truth == ignore
    around: TrimapCentre = "void" if void.any() else "label boundaries"
    bands = (
        dilate(void, distance=width) if around == "void" else boundary_mask(truth, distance=width, border=False)
        for width in WIDTHS
    )
    narrowest = np.full(truth.shape, len(WIDTHS), np.uint8)  # index of the narrowest band that a pixel is in
    for band in bands:
        narrowest -= band
    cells, rows = np.zeros((3, len(WIDTHS) * classes), np.int64), max(CHUNK // max(truth.shape[1], 1), 1)
    for top in range(0, len(truth), rows):
        strip = slice(top, top + rows)
        inside = (narrowest[strip] < len(WIDTHS)) & ~void[strip]
        first = narrowest[strip][inside].astype(np.int64) * classes
        wanted, found = first + truth[strip][inside], first + prediction[strip][inside]
        cells += class_histograms(wanted[wanted == found], wanted, found, classes=len(cells[0]))
    return Trimap(around, overlaps=cells.reshape(3, len(WIDTHS), classes).swapaxes(0, 1).cumsum(axis=0))


def boundary_mask(labels: Integer[np.ndarray, "h w"], *, distance: int, border: bool) -> Bool[np.ndarray, "h w"]:
    """Mark the pixels that have a pixel of another label within a distance.

    Args:
        labels: Any integers.
        distance: Distance in pixels, 1 or more.
        border: If true, the border of the image counts as contour, too.
    """
    framed = np.pad(labels, 1, mode="edge")
    corner = framed[:-1, :-1]
    # A square of pixels contains two labels exactly where one of the 2x2 blocks inside it does.
    mixed = (corner != framed[1:, :-1]) | (corner != framed[:-1, 1:]) | (corner != framed[1:, 1:])
    if border:
        mixed[[0, -1]] = mixed[:, [0, -1]] = True
    return _box_maximum(np.pad(mixed, distance - 1), size=2 * distance)


def dilate(marks: Bool[np.ndarray, "h w"], *, distance: int) -> Bool[np.ndarray, "h w"]:
    """Mark the pixels that have a marked pixel within a distance of 0 or more pixels."""
    return _box_maximum(np.pad(marks, distance), size=2 * distance + 1)


def _box_maximum(marks: Bool[np.ndarray, "h w"], *, size: int) -> Bool[np.ndarray, "_ _"]:
    """Return, for every `size` x `size` square inside the array, by its top left corner, if it contains a mark.

    The reach doubles in each step, so that a wide square costs little more than a narrow one.
    """
    for _ in range(2):
        reach = 1
        while reach < size:
            step = min(reach, size - reach)
            marks = marks[:-step] | marks[step:]
            reach += step
        marks = marks.T
    return marks
