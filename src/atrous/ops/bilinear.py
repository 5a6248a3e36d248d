"""Bilinear interpolation of a map at chosen rows and columns, which need not form a regular grid."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor


@dataclass(frozen=True)
class Neighbours:
    """The two neighbouring pixels of an axis between which each of n positions is interpolated, and their weights.

    Attributes:
        first: Index of the pixel before the position.
        second: Index of the pixel after it; the same as `first` at the last pixel.
        weight: Weight of the second pixel, 0..1; the first pixel has the rest.
    """

    first: Int64[Tensor, " n"]
    second: Int64[Tensor, " n"]
    weight: Float[Tensor, " n"]

    def part(self, positions: slice) -> "Neighbours":
        """Select some of the positions."""
        return Neighbours(self.first[positions], self.second[positions], self.weight[positions])


def pixels(length: int) -> Float64[Tensor, " n"]:
    """Positions 0 .. length - 1, on the CPU, because not every device has float64."""
    return torch.arange(length, dtype=torch.float64)


def source_positions(
    positions: Float64[Tensor, " n"], *, length: int, source: int, align_corners: bool
) -> Float64[Tensor, " n"]:
    """Convert positions on an axis of `length` pixels to an axis of `source` pixels that spans the same image.

    Args:
        positions: Positions in pixels; 0 is the centre of the first pixel.
        length: Number of pixels of the axis on which the positions are given.
        source: Number of pixels of the axis on which they are returned.
        align_corners: True if the centres of the outermost pixels coincide, False if their edges do.
    """
    if align_corners:
        return positions * (source - 1) / max(length - 1, 1)  # in this order exact on the source's pixels
    return (positions + 0.5) * source / length - 0.5


def neighbours(positions: Float64[Tensor, " n"], *, source: int, like: Tensor) -> Neighbours:
    """Find the pixels around positions on an axis of `source` pixels; positions outside move to the nearest pixel.

    Args:
        positions: Positions in pixels.
        source: Number of pixels of the axis.
        like: A tensor whose device and floating type the result gets.
    """
    inside = positions.clamp(0, source - 1)
    first = inside.floor().long()
    second = (first + 1).clamp(max=source - 1)
    weight = (inside - first).to(like.dtype)
    return Neighbours(first.to(like.device), second.to(like.device), weight.to(like.device))


def axis_neighbours(crop: int, *, length: int, source: int, align_corners: bool, like: Tensor) -> Neighbours:
    """Neighbours of the first `crop` of `length` pixels on an axis of `source` pixels that spans the same image."""
    positions = source_positions(pixels(crop), length=length, source=source, align_corners=align_corners)
    return neighbours(positions, source=source, like=like)


def interpolate_rows(maps: Float[Tensor, "b k h w"], rows: Neighbours) -> Float[Tensor, "b k n w"]:
    """Interpolate linearly along the height; a neighbour of weight 0 contributes 0, even if it is infinite or NaN."""
    return _interpolate(maps.index_select(2, rows.first), maps.index_select(2, rows.second), rows.weight[:, None])


def interpolate_columns(maps: Float[Tensor, "b k h w"], columns: Neighbours) -> Float[Tensor, "b k h n"]:
    """Interpolate linearly along the width, with neighbours of weight 0 as in `interpolate_rows`."""
    return _interpolate(maps.index_select(3, columns.first), maps.index_select(3, columns.second), columns.weight)


def _interpolate(first: Tensor, second: Tensor, second_weight: Tensor) -> Tensor:
    first_part = torch.where(second_weight == 1, 0, first * (1 - second_weight))
    return first_part + torch.where(second_weight == 0, 0, second * second_weight)
