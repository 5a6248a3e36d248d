"""Bilinear upsampling of coarse logits: whole, or in bands of rows."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from atrous.ops.bilinear import Neighbours, axis
from atrous.sizes import Size

BAND_FLOATS = 1 << 20
"""A band holds about this many logits: small enough for a cache, large enough to hide the call."""


class Placement(NamedTuple):
    """How coarse logits lie over an image.

    Attributes:
        size: (height, width) in pixels that the coarse map spans; at least the crop.
        align_corners: Whether corner pixels' centres (True) or edges (False) coincide.
        crop: (height, width) of the image, top left in `size`.
    """

    size: Size
    align_corners: bool
    crop: Size

    def places(self, coarse: Sequence[int], *, like: Tensor) -> tuple[Neighbours, Neighbours]:
        """Between which rows and columns of a coarse map those of the image lie; weights are `like` a tensor."""
        rows, columns = (
            axis(crop, length=length, source=source, align_corners=self.align_corners, like=like)
            for crop, length, source in zip(self.crop, self.size, coarse, strict=True)
        )
        return rows, columns


def upsample(
    logits: Float[Tensor, "b k h w"], *, size: Size, align_corners: bool, crop: Size | None = None
) -> Float[Tensor, "b k H W"]:
    """Logits at full size; see `Placement` for the arguments."""
    height, width = crop or size
    full = F.interpolate(logits, size=size, mode="bilinear", align_corners=align_corners)
    return full[..., :height, :width]


def upsample_bands(
    logits: Float[Tensor, "b k h w"], *, size: Size, align_corners: bool, crop: Size | None = None
) -> Iterator[tuple[slice, Float[Tensor, "b k n W"]]]:
    """The same values as `upsample`, some rows at a time: pairs of (rows of the image, their logits).

    A neighbour of weight 0 has no say, not even if it is infinite or NaN.
    """
    placement = Placement(size, align_corners, crop or size)
    rows, columns = placement.places(logits.shape[-2:], like=logits)
    height, width = placement.crop
    for band in row_bands(height, row_floats=logits.shape[0] * logits.shape[1] * width):
        yield band, _between(_between(logits, rows.part(band), dim=2), columns, dim=3)


def row_bands(height: int, *, row_floats: int) -> Iterator[slice]:
    """The rows of an image in bands of about `BAND_FLOATS` numbers, at least one row each."""
    rows = max(1, BAND_FLOATS // max(row_floats, 1))
    for start in range(0, height, rows):
        yield slice(start, min(start + rows, height))


def _between(maps: Float[Tensor, "b k h w"], places: Neighbours, *, dim: int) -> Float[Tensor, "b k m n"]:
    far = places.weight if dim == 3 else places.weight[:, None]
    first, second = maps.index_select(dim, places.first), maps.index_select(dim, places.second)
    return torch.where(far == 1, 0, first * (1 - far)) + torch.where(far == 0, 0, second * far)
