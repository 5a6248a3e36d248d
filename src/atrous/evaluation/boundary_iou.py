"""Boundary IoU (Cheng et al., CVPR 2021, arXiv 2103.16562): the IoU of what lies near the contours.

Of every class, in truth and in prediction alike, only the pixels count that are within a distance of the contour of
their region, on its inner side. The distance is a share of the image's diagonal; the border of the image is contour, as
in the authors' code. The paper measures single objects. Here the pixels of a class are summed over the data set before
the ratio is taken, as for the plain IoU.

Where the truth is ignored nothing counts, and neither do contours that the prediction has there: it is given the
truth's hole before its contours are looked for, so that they agree around it.
"""

import math

import numpy as np
from jaxtyping import Integer

from atrous.evaluation.bands import near_contours
from atrous.evaluation.overlap import Overlap, histograms

DISTANCE = 0.02
"""Share of the image's diagonal, as in the paper."""


def boundary_overlap(
    labels: Integer[np.ndarray, "h w"], truth: Integer[np.ndarray, "h w"], *, classes: int, ignore: int
) -> Overlap:
    """The overlap of the pixels near contours.

    Args:
        labels: Predicted class ids.
        truth: True class ids and `ignore`.
        classes: Their number.
        ignore: Not a class id.
    """
    distance = max(1, round(DISTANCE * math.hypot(*truth.shape)))
    counted = truth != ignore
    answer = np.where(counted, labels, truth)
    in_truth, in_answer = (
        near_contours(regions, distance=distance, border=True) & counted for regions in (truth, answer)
    )
    in_both = in_truth & in_answer & (truth == answer)
    return histograms(truth[in_both], truth[in_truth], answer[in_answer], classes=classes)
