"""Bilinear interpolation of a map at chosen rows and columns, which need not form a regular grid."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor


@dataclass(frozen=True)
class Neighbours:
    """The two positions of a map's axis between which each of n pixels is interpolated, and their weights.

    Attributes:
        first: Index of the position before the pixel.
        second: Index of the position after it; the same as `first` at the last position.
        weight: Weight of the second position, 0..1; the first has the rest.
    """

    first: Int64[Tensor, " n"]
    second: Int64[Tensor, " n"]
    weight: Float[Tensor, " n"]

    def part(self, pixels: slice) -> "Neighbours":
        """Select some of the pixels."""
        return Neighbours(self.first[pixels], self.second[pixels], self.weight[pixels])


def pixel_coordinates(length: int) -> Float64[Tensor, " n"]:
    """Return the coordinates 0 .. length - 1 of pixels, on the CPU, because not every device has float64."""
    return torch.arange(length, dtype=torch.float64)


def source_coordinates(
    coordinates: Float64[Tensor, " n"], *, length: int, source: int, align_corners: bool
) -> Float64[Tensor, " n"]:
    """Convert coordinates on an axis of `length` elements to an axis of `source` elements that spans the same image.

    Args:
        coordinates: Coordinates in elements; 0 is the centre of the first one.
        length: Number of elements of the axis on which the coordinates are given.
        source: Number of elements of the axis on which they are returned.
        align_corners: True if the centres of the outermost pixels coincide, False if their edges do.
    """
    if align_corners:
        return coordinates * (source - 1) / max(length - 1, 1)  # in this order exact on the source's elements
    return (coordinates + 0.5) * source / length - 0.5


def neighbours(coordinates: Float64[Tensor, " n"], *, source: int, like: Tensor) -> Neighbours:
    """Find the two positions around coordinates on an axis; coordinates outside move to the nearest position.

    Args:
        coordinates: Coordinates on the axis; 0 is the centre of the first position.
        source: Number of positions of the axis.
        like: A tensor whose device and floating type the result gets.
    """
    inside = coordinates.clamp(0, source - 1)
    first = inside.floor().long()
    second = (first + 1).clamp(max=source - 1)
    weight = (inside - first).to(like.dtype)
    return Neighbours(first.to(like.device), second.to(like.device), weight.to(like.device))


def block_starts(first: np.ndarray, *, max_length: int) -> np.ndarray:
    """Return the index of the first pixel of every block of pixels that are interpolated between the same neighbours.

    Args:
        first: [pixels] index of each pixel's first neighbour, in ascending order.
        max_length: Largest number of pixels of a block; there are several blocks between neighbours further apart.
    """
    pixels = np.arange(len(first))
    begins = np.flatnonzero(np.diff(first, prepend=-1))
    within = pixels - begins[np.searchsorted(begins, pixels, side="right") - 1]
    return np.flatnonzero(within % max_length == 0)


def axis_neighbours(crop: int, *, length: int, source: int, align_corners: bool, like: Tensor) -> Neighbours:
    """Return neighbours of the first `crop` of `length` pixels among `source` positions that span the same image."""
    coordinates = source_coordinates(pixel_coordinates(crop), length=length, source=source, align_corners=align_corners)
    return neighbours(coordinates, source=source, like=like)


def interpolate_rows(maps: Float[Tensor, "b k h w"], rows: Neighbours) -> Float[Tensor, "b k n w"]:
    """Interpolate linearly along the height; a neighbour of weight 0 contributes 0, even if it is infinite or NaN."""
    return _interpolate(maps.index_select(2, rows.first), maps.index_select(2, rows.second), rows.weight[:, None])


def interpolate_columns(maps: Float[Tensor, "b k h w"], columns: Neighbours) -> Float[Tensor, "b k h n"]:
    """Interpolate linearly along the width, with neighbours of weight 0 as in `interpolate_rows`."""
    return _interpolate(maps.index_select(3, columns.first), maps.index_select(3, columns.second), columns.weight)


def _interpolate(first: Tensor, second: Tensor, second_weight: Tensor) -> Tensor:
    first_part = torch.where(second_weight == 1, 0, first * (1 - second_weight))
    return first_part + torch.where(second_weight == 0, 0, second * second_weight)
