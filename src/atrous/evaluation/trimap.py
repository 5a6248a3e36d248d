"""The trimap curve (DeepLabv3+, section 4.4 and Figure 5): mean IoU inside bands of several widths around contours.

A band of n pixels is what dilating the ignored pixels with a square of 2n + 1 adds to them, as in the authors' code for
PASCAL VOC, which draws them around every object. Where labels leave no pixel out, the band is the pixels that have
another label within n pixels.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int64, Integer

from atrous.evaluation.bands import near, near_contours
from atrous.evaluation.overlap import histograms

WIDTHS = (1, 2, 4, 8, 16, 32)
"""In pixels, each inside the next."""

Around = Literal["void", "label boundaries"]


@dataclass(frozen=True)
class Trimap:
    """Counts inside the bands.

    Attributes:
        around: What the bands lie around.
        overlaps: The overlap inside each of the bands of `WIDTHS`.
    """

    around: Around
    overlaps: Int64[np.ndarray, "widths 3 k"]

    def __add__(self, other: "Trimap") -> "Trimap":
        """Both together: where there is void at all, an image without any has no band."""
        if self.around == other.around:
            return Trimap(self.around, self.overlaps + other.overlaps)
        return self if self.around == "void" else other


def trimap(
    labels: Integer[np.ndarray, "h w"], truth: Integer[np.ndarray, "h w"], *, classes: int, ignore: int
) -> Trimap:
    """Count one image: around its ignored pixels if it has any, else around its label boundaries.

    Args:
        labels: Predicted class ids.
        truth: True class ids and `ignore`.
        classes: Their number.
        ignore: Not a class id.
    """
    void = truth == ignore
    around: Around = "void" if void.any() else "label boundaries"
    bands = (
        near(void, distance=width) if around == "void" else near_contours(truth, distance=width, border=False)
        for width in WIDTHS
    )
    ring = np.full(truth.shape, len(WIDTHS), np.uint8)  # the number of the narrowest band that a pixel is in
    for band in bands:
        ring -= band
    inside = (ring < len(WIDTHS)) & ~void
    labels, truth, first = labels[inside], truth[inside], ring[inside].astype(np.int64) * classes
    hit = labels == truth
    cells = histograms((first + truth)[hit], first + truth, first + labels, classes=len(WIDTHS) * classes)
    return Trimap(around, overlaps=cells.reshape(3, len(WIDTHS), classes).swapaxes(0, 1).cumsum(axis=0))
