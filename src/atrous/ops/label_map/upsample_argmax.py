"""The label map of coarse logits, exactly, without logits at full size.

    value(class, pixel) = sum over the four neighbours of weight * logit; a neighbour of weight 0 does not count
    label(pixel) = class of the largest value, the lowest of equal ones; NaN is larger than any number

The second line is the rule of `torch.argmax`. Infinities need no rule of their own: they make infinite values, or NaN
where both signs meet. Positions are computed in double precision, values in single precision (double for double logits)
to within 2^-21 of the largest neighbour. Only where the two best classes are closer than that may either one win.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.errors import InputError
from atrous.ops.bilinear import Neighbours, between_columns, between_rows
from atrous.ops.label_map.backend import backend_for
from atrous.ops.label_map.labels import Labels, exact_dtype, label_dtype
from atrous.ops.upsample import Placement, row_bands, upsample_bands


def upsample_argmax(logits: Float[Tensor, "b k h w"], placement: Placement) -> Labels:
    """Class of the largest upsampled logit at every pixel: uint8 up to 255 classes, else int16.

    Computed by compiled code on a CPU and on CUDA; elsewhere, or if that fails, by torch in bands of rows.

    Args:
        logits: Coarse logits of any floating type and memory layout.
        placement: Placement of the logits over the image; its size may be smaller than the map.

    Raises:
        InputError: If map or crop is empty, the crop exceeds the size, or int16 cannot hold the classes.
    """
    _check(logits, placement)
    labels = logits.new_empty((len(logits), *placement.crop), dtype=label_dtype(logits.shape[1]))
    if len(labels):
        module = backend_for(logits.device.type)
        label_map = module.label_map if module else _label_map
        label_map(logits.detach(), labels, placement)
    return labels


def argmax_at(logits: Float[Tensor, "b k h w"], rows: Neighbours, columns: Neighbours) -> Labels:
    """Class of the largest interpolated logit at every crossing of chosen rows and columns.

    Args:
        logits: Coarse logits.
        rows: Neighbours on the map of each row of the labels, from top to bottom.
        columns: Neighbours of each column, from left to right.
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


def _check(logits: Tensor, placement: Placement) -> None:
    classes, *coarse = logits.shape[1:]
    if not 1 <= classes <= torch.iinfo(torch.int16).max:
        raise InputError(f"{classes} classes; a label map takes 1 to {torch.iinfo(torch.int16).max}")
    if min(*coarse, *placement.crop) < 1:
        raise InputError(f"logits {list(coarse)} upsampled to {list(placement.crop)}: give at least one pixel per side")
    placement.check()


def _label_map(logits: Tensor, labels: Tensor, placement: Placement) -> None:
    for rows, band in upsample_bands(logits.to(exact_dtype(logits.dtype)), placement):
        labels[:, rows] = band.argmax(dim=1).to(labels.dtype)
