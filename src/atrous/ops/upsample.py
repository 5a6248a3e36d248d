"""Bilinear upsampling of coarse logits: whole, in bands of rows, or straight to labels."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int16, UInt8
from torch import Tensor

from atrous.ops.bilinear import between_rows, neighbours, pixels, source_positions

Size = tuple[int, int]

BAND_FLOATS = 1 << 20
"""A band holds about this many logits: small enough for a cache, large enough to hide the call."""


class Upsampling(NamedTuple):
    """How coarse logits lie over an image.

    Attributes:
        size: (height, width) in pixels that the coarse map spans; at least the crop.
        align_corners: Whether corner pixels' centres (True) or edges (False) coincide.
        crop: (height, width) of the image, top left in `size`.
    """

    size: Size
    align_corners: bool
    crop: Size


def upsample(
    logits: Float[Tensor, "b k h w"], *, size: Size, align_corners: bool, crop: Size | None = None
) -> Float[Tensor, "b k H W"]:
    """Logits at full size; see `Upsampling` for the arguments."""
    height, width = crop or size
    full = F.interpolate(logits, size=size, mode="bilinear", align_corners=align_corners)
    return full[..., :height, :width]


def upsample_bands(
    logits: Float[Tensor, "b k h w"], *, size: Size, align_corners: bool, crop: Size | None = None
) -> Iterator[tuple[slice, Float[Tensor, "b k n W"]]]:
    """The same values as `upsample`, some rows at a time: pairs of (rows of the image, their logits)."""
    height, width = crop or size
    source = logits.shape[2]
    positions = source_positions(pixels(height), length=size[0], source=source, align_corners=align_corners)
    rows = neighbours(positions, source=source, like=logits)
    for band in row_bands(height, row_floats=logits.shape[0] * logits.shape[1] * size[1]):
        vertical = between_rows(logits, rows.part(band))
        full = F.interpolate(vertical, (vertical.shape[2], size[1]), mode="bilinear", align_corners=align_corners)
        yield band, full[..., :width]


def row_bands(height: int, *, row_floats: int) -> Iterator[slice]:
    """The rows of an image in bands of about `BAND_FLOATS` numbers, at least one row each."""
    rows = max(1, BAND_FLOATS // max(row_floats, 1))
    for start in range(0, height, rows):
        yield slice(start, min(start + rows, height))


def upsample_argmax(
    logits: Float[Tensor, "b k h w"], *, size: Size, align_corners: bool, crop: Size | None = None
) -> UInt8[Tensor, "b H W"] | Int16[Tensor, "b H W"]:
    """The class of the largest upsampled logit at every pixel, in bands; uint8 up to 256 classes, else int16."""
    height, width = crop or size
    dtype = torch.uint8 if logits.shape[1] <= 256 else torch.int16
    labels = torch.empty(logits.shape[0], height, width, dtype=dtype, device=logits.device)
    for rows, band in upsample_bands(logits, size=size, align_corners=align_corners, crop=crop):
        labels[:, rows] = band.max(dim=1).indices.to(dtype)
    return labels
