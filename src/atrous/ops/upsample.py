"""Bilinear upsampling of coarse logits to the size of the image, at once or in bands of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from atrous.errors import InputError
from atrous.ops.bilinear import Neighbours, axis_neighbours, interpolate_columns, interpolate_rows
from atrous.sizes import Size

BAND_FLOATS = 1 << 20
"""Number of logits in a band: few enough for a cache, enough to make the cost of a call small."""


@dataclass(frozen=True)
class Placement:
    """Placement of a map of coarse logits over an image.

    The map spans `size` pixels; the image is the top left part of them. Both differ where a network pads its input at
    the bottom and right, as DeepLab does to sizes of output stride * k + 1.

    Attributes:
        size: (height, width) in pixels that the coarse map spans.
        align_corners: True if the centres of the corner pixels of map and span coincide, False if their edges do.
        crop: (height, width) of the image; at most `size`.
    """

    size: Size
    _: KW_ONLY
    align_corners: bool
    crop: Size

    @classmethod
    def whole(cls, size: Size, *, align_corners: bool) -> "Placement":
        """Placement of a map that spans exactly the image."""
        return cls(size, align_corners=align_corners, crop=size)

    def check(self) -> None:
        """Raise InputError if the crop is larger than the size."""
        (height, width), (rows, columns) = self.size, self.crop
        if rows > height or columns > width:
            raise InputError(f"crop {list(self.crop)} is larger than size {list(self.size)}; give one that fits")

    def neighbours(self, coarse: Sequence[int], *, like: Tensor) -> tuple[Neighbours, Neighbours]:
        """Neighbours on the coarse map of the rows and of the columns of the image.

        Args:
            coarse: (height, width) of the coarse map.
            like: A tensor whose device and floating type the weights get.
        """
        rows, columns = (
            axis_neighbours(crop, length=length, source=source, align_corners=self.align_corners, like=like)
            for crop, length, source in zip(self.crop, self.size, coarse, strict=True)
        )
        return rows, columns


def upsample(logits: Float[Tensor, "b k h w"], placement: Placement) -> Float[Tensor, "b k H W"]:
    """Interpolate coarse logits at every pixel of the image."""
    height, width = placement.crop
    full = F.interpolate(logits, size=placement.size, mode="bilinear", align_corners=placement.align_corners)
    return full[..., :height, :width]


def upsample_bands(
    logits: Float[Tensor, "b k h w"], placement: Placement
) -> Iterator[tuple[slice, Float[Tensor, "b k n W"]]]:
    """Yield pairs of (rows of the image, their logits) whose values are those of `upsample`.

    A neighbour of weight 0 does not count, not even if it is infinite or NaN.
    """
    rows, columns = placement.neighbours(logits.shape[-2:], like=logits)
    height, width = placement.crop
    for band in row_bands(height, row_floats=logits.shape[0] * logits.shape[1] * width):
        yield band, interpolate_columns(interpolate_rows(logits, rows.part(band)), columns)


def row_bands(height: int, *, row_floats: int) -> Iterator[slice]:
    """Divide the rows of an image into bands of about `BAND_FLOATS` numbers, at least one row each."""
    rows = max(1, BAND_FLOATS // max(row_floats, 1))
    for start in range(0, height, rows):
        yield slice(start, min(start + rows, height))
