"""The label map of several views of one picture: the largest mean probability (DeepLabv3, section 4.1, "MS", "Flip").

    label(pixel) = argmax over classes of mean over views of softmax(the view's logits, interpolated at the pixel)

The lowest of equal ones wins. No view is ever built at full size: backend_for on a CPU, where most pixels need no
probability at all; elsewhere by torch in bands of rows.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.ops.bilinear import Neighbours, between_columns, between_rows
from atrous.ops.label_map.upsample_argmax import Labels, backend_for, label_dtype
from atrous.ops.upsample import row_bands


class View(NamedTuple):
    """Coarse logits, and where the rows and columns of the picture lie in them.

    Attributes:
        logits: Of one view.
        rows: Between which rows of the map each row of the picture placement.
        columns: Likewise.
    """

    logits: Float[Tensor, "b k h w"]
    rows: Neighbours
    columns: Neighbours

    def probabilities(self, band: slice) -> Float[Tensor, "b k n W"]:
        """Softmax of the logits at some rows of the picture."""
        return between_columns(between_rows(self.logits, self.rows.part(band)), self.columns).softmax(dim=1)


def mean_bands(views: Sequence[View]) -> list[slice]:
    """The rows of the picture in bands whose probabilities fit into a cache."""
    batch, classes = views[0].logits.shape[:2]
    height, width = len(views[0].rows.first), len(views[0].columns.first)
    return [*row_bands(height, row_floats=batch * classes * width)]


def mean_probabilities(views: Sequence[View], band: slice) -> Float[Tensor, "b k n W"]:
    """The mean over the views at some rows of the picture."""
    total = views[0].probabilities(band)
    for view in views[1:]:
        total += view.probabilities(band)
    return total / len(views)


def mean_argmax(views: Sequence[View]) -> Labels:
    """The class of the largest mean probability at every pixel: uint8 up to 255 classes, else int16.

    Args:
        views: One or more, of the same batch, classes and picture.
    """
    logits = views[0].logits
    size = (len(views[0].rows.first), len(views[0].columns.first))
    labels = logits.new_empty((len(logits), *size), dtype=label_dtype(logits.shape[1]))
    module = backend_for("cpu") if logits.device.type == "cpu" else None
    single = all(view.logits.dtype == torch.float32 for view in views)
    # Infinities and NaN follow torch's rules, which the backend_for code does not know.
    if module and single and all(bool(view.logits.isfinite().all()) for view in views):
        from atrous.ops.label_map.mean_cpu import mean_label_map

        mean_label_map(views, labels)
    else:
        for band in mean_bands(views):
            labels[:, band] = mean_probabilities(views, band).argmax(dim=1).to(labels.dtype)
    return labels
