"""Logits of an image at several scales, and flipped, and their mean probabilities (DeepLabv3, section 4.1)."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from atrous.ops.bilinear import Neighbours, interpolate_columns, interpolate_rows
from atrous.ops.upsample import row_bands


class AugmentedLogits(NamedTuple):
    """Coarse logits of an image at one scale, flipped or not, and how to interpolate them at the image's pixels.

    Attributes:
        logits: Coarse logits of the augmented image.
        rows: Neighbours on the map of each row of the image.
        columns: Neighbours on the map of each column of the image.
    """

    logits: Float[Tensor, "b k h w"]
    rows: Neighbours
    columns: Neighbours

    def probabilities(self, band: slice) -> Float[Tensor, "b k n W"]:
        """Return the softmax of the interpolated logits at some rows of the image."""
        return interpolate_columns(interpolate_rows(self.logits, self.rows.part(band)), self.columns).softmax(dim=1)


def mean_bands(augmented_logits: Sequence[AugmentedLogits]) -> list[slice]:
    """Divide the rows of the image into bands whose probabilities fit into a cache."""
    logits, rows, columns = augmented_logits[0]
    batch, classes = logits.shape[:2]
    return [*row_bands(len(rows.first), row_floats=batch * classes * len(columns.first))]


def mean_probabilities(augmented_logits: Sequence[AugmentedLogits], band: slice) -> Float[Tensor, "b k n W"]:
    """Return the mean of the probabilities at some rows of the image."""
    probability_sum = augmented_logits[0].probabilities(band)
    for other in augmented_logits[1:]:
        probability_sum += other.probabilities(band)
    return probability_sum / len(augmented_logits)
