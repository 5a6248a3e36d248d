"""Argmax of bilinearly upsampled logits, without building them at full size.

    value(class, pixel) = sum over the four neighbours of weight * logit
    label(pixel) = class of the largest value, the lowest of equal ones; NaN is larger than any number

A neighbour of weight 0 contributes 0, even if it is infinite or NaN. The second line is the rule of `torch.argmax`.
Infinities need no rule of their own: they make infinite values, or NaN where both signs meet. Coordinates are computed
in double precision, values in single precision (double for double logits), with an error of at most 2^-21 times the
largest absolute value of the four neighbours (float32). Only where the two best classes are closer than that may either
one win.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.errors import InputError
from atrous.ops.bilinear import Neighbours, interpolate_columns, interpolate_rows
from atrous.ops.dtypes import interpolation_dtype
from atrous.ops.label_map.backend import compiled_module
from atrous.ops.label_map.labels import Labels, label_dtype
from atrous.ops.upsample import Placement, row_bands, upsample_bands


def upsample_argmax(logits: Float[Tensor, "b k h w"], placement: Placement) -> Labels:
    """Return the class of the largest upsampled logit at every pixel.

    Computed by compiled code on a CPU and on CUDA; elsewhere, or if that fails, by torch in bands of rows.

    Args:
        logits: Coarse logits of any floating type and memory layout.
        placement: Placement of the logits over the image; its size may be smaller than the map.

    Returns:
        `[b, H, W]`, uint8 for up to 255 classes, otherwise int16.

    Raises:
        InputError: If map or crop is empty, the crop exceeds the size, or int16 cannot hold the classes.
    """
    _check(logits, placement)
    labels = logits.new_empty((len(logits), *placement.crop), dtype=label_dtype(logits.shape[1]))
    if len(labels):
        module = compiled_module(logits.device.type)
        fill_label_map = module.fill_label_map if module else _fill_label_map
        fill_label_map(logits.detach(), labels, placement)
    return labels


def upsample_argmax_at(logits: Float[Tensor, "b k h w"], rows: Neighbours, columns: Neighbours) -> Labels:
    """Return the class of the largest interpolated logit at every crossing of chosen rows and columns.

    Args:
        logits: Coarse logits.
        rows: Neighbours on the map of each row of the labels, from top to bottom.
        columns: Neighbours of each column, from left to right.

    Returns:
        `[b, rows, columns]`, uint8 for up to 255 classes, otherwise int16.

    Raises:
        InputError: If int16 cannot hold the classes, or neighbours are not on the map, not in ascending order, or not
            next to each other.
    """
    _check_classes(logits)
    _check_neighbours(rows, logits.shape[2])
    _check_neighbours(columns, logits.shape[3])
    size = len(rows.first), len(columns.first)
    labels = torch.empty(len(logits), *size, dtype=label_dtype(logits.shape[1]), device=logits.device)
    module = compiled_module("cpu") if logits.device.type == "cpu" and labels.numel() else None
    if module:
        module.fill_label_map_at(logits.detach(), labels, rows, columns)
        return labels
    logits = logits.to(interpolation_dtype(logits.dtype))
    for band in row_bands(size[0], row_floats=logits.shape[0] * logits.shape[1] * size[1]):
        full = interpolate_columns(interpolate_rows(logits, rows.part(band)), columns)
        labels[:, band] = full.argmax(dim=1).to(labels.dtype)
    return labels


def _check(logits: Tensor, placement: Placement) -> None:
    _check_classes(logits)
    coarse = logits.shape[2:]
    if min(*coarse, *placement.crop) < 1:
        raise InputError(f"logits {list(coarse)} upsampled to {list(placement.crop)}: give at least one pixel per side")
    placement.check()


def _check_classes(logits: Tensor) -> None:
    if not 1 <= logits.shape[1] <= torch.iinfo(torch.int16).max:
        raise InputError(f"{logits.shape[1]} classes; a label map takes 1 to {torch.iinfo(torch.int16).max}")


def _check_neighbours(axis: Neighbours, positions: int) -> None:
    """Raise InputError unless neighbours are adjacent on an axis of that many positions, and in ascending order.

    Compiled code reads each pair of positions once, for all pixels between them.
    """
    if not len(axis.first):
        return
    lowest, highest = torch.stack([*torch.aminmax(torch.cat([axis.first, axis.second]))]).tolist()
    if lowest < 0 or highest >= positions:
        raise InputError(f"neighbours {lowest} to {highest} on an axis of {positions} positions; give indices on it")
    if not bool((axis.first[1:] >= axis.first[:-1]).all()):
        raise InputError("the neighbours of rows or columns are not in ascending order; sort them")
    gaps = axis.second - axis.first
    if not bool(((gaps == 0) | (gaps == 1)).all()):
        raise InputError("a second neighbour is neither the first one nor the position after it; give one of these")
    if not bool(((axis.second[1:] == axis.second[:-1]) | (axis.first[1:] != axis.first[:-1])).all()):
        raise InputError("equal first neighbours have different second neighbours; give them the same")


def _fill_label_map(logits: Tensor, labels: Tensor, placement: Placement) -> None:
    for rows, band in upsample_bands(logits.to(interpolation_dtype(logits.dtype)), placement):
        labels[:, rows] = band.argmax(dim=1).to(labels.dtype)
