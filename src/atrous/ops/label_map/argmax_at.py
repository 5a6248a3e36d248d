"""The label map at chosen rows and columns of coarse logits: a part of what `upsample_argmax` gives."""

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.ops.bilinear import Neighbours, between_columns, between_rows
from atrous.ops.label_map.upsample_argmax import Labels, backend_for, exact_dtype, label_dtype
from atrous.ops.upsample import row_bands


def argmax_at(logits: Float[Tensor, "b k h w"], rows: Neighbours, columns: Neighbours) -> Labels:
    """The class of the largest interpolated logit at every crossing of rows and columns.

    Args:
        logits: Coarse logits.
        rows: Between which rows of the map those of the labels lie, from top to bottom.
        columns: Likewise, from left to right.
    """
    size = len(rows.first), len(columns.first)
    labels = torch.empty(len(logits), *size, dtype=label_dtype(logits.shape[1]), device=logits.device)
    module = backend_for("cpu") if logits.device.type == "cpu" and labels.numel() else None
    if module:
        module.label_map_at(logits.detach(), labels, rows, columns)
        return labels
    logits = logits.to(exact_dtype(logits.dtype))
    for band in row_bands(size[0], row_floats=logits.shape[0] * logits.shape[1] * size[1]):
        full = between_columns(between_rows(logits, rows.part(band)), columns)
        labels[:, band] = full.argmax(dim=1).to(labels.dtype)
    return labels
