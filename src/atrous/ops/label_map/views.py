"""Views of one image (scales, mirrored), and the mean of their probabilities (DeepLabv3, section 4.1, "MS", "Flip")."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

from atrous.ops.bilinear import Neighbours, interpolate_columns, interpolate_rows
from atrous.ops.upsample import row_bands


class View(NamedTuple):
    """Coarse logits of one view of an image, and how to interpolate them at the image's pixels.

    Attributes:
        logits: Coarse logits of the view.
        rows: Neighbours on the map of each row of the image.
        columns: Neighbours on the map of each column of the image.
    """

    logits: Float[Tensor, "b k h w"]
    rows: Neighbours
    columns: Neighbours

    def probabilities(self, band: slice) -> Float[Tensor, "b k n W"]:
        """Softmax of the interpolated logits at some rows of the image."""
        return interpolate_columns(interpolate_rows(self.logits, self.rows.part(band)), self.columns).softmax(dim=1)


def mean_bands(views: Sequence[View]) -> list[slice]:
    """Divide the rows of the image into bands whose probabilities fit into a cache."""
    batch, classes = views[0].logits.shape[:2]
    height, width = len(views[0].rows.first), len(views[0].columns.first)
    return [*row_bands(height, row_floats=batch * classes * width)]


def mean_probabilities(views: Sequence[View], band: slice) -> Float[Tensor, "b k n W"]:
    """Mean over the views of the probabilities at some rows of the image."""
    total = views[0].probabilities(band)
    for view in views[1:]:
        total += view.probabilities(band)
    return total / len(views)
