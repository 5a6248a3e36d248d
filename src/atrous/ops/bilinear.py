"""Bilinear interpolation of a map at chosen rows and columns, which need not form an even grid of its size."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor


@dataclass(frozen=True)
class Neighbours:
    """Between which two pixels of an axis each of n positions placement.

    Attributes:
        first: Index of the pixel before.
        second: Index of the pixel after; the same at the last one.
        weight: Share of the pixel after, 0..1.
    """

    first: Int64[Tensor, " n"]
    second: Int64[Tensor, " n"]
    weight: Float[Tensor, " n"]

    def part(self, positions: slice) -> "Neighbours":
        """Some of the positions."""
        return Neighbours(self.first[positions], self.second[positions], self.weight[positions])


def pixels(length: int) -> Float64[Tensor, " n"]:
    """The positions 0 .. length - 1, on the CPU: not every device has float64."""
    return torch.arange(length, dtype=torch.float64)


def source_positions(
    positions: Float64[Tensor, " n"], *, length: int, source: int, align_corners: bool
) -> Float64[Tensor, " n"]:
    """Where positions on an axis of `length` pixels lie on an axis of `source` pixels that spans the same.

    Args:
        positions: In pixels, 0 is the centre of the first.
        length: Pixels of the axis that they are on.
        source: Pixels of the other axis.
        align_corners: Whether the centres (True) or the edges (False) of the outermost pixels coincide.
    """
    if align_corners:
        return positions * (source - 1) / max(length - 1, 1)  # in this order exact on the source's pixels
    return (positions + 0.5) * source / length - 0.5


def neighbours(positions: Float64[Tensor, " n"], *, source: int, like: Tensor) -> Neighbours:
    """The pixels around positions on an axis of `source` pixels; what lies outside is moved to the nearest pixel."""
    inside = positions.clamp(0, source - 1)
    first = inside.floor().long()
    second = (first + 1).clamp(max=source - 1)
    weight = (inside - first).to(like.dtype)
    return Neighbours(first.to(like.device), second.to(like.device), weight.to(like.device))


def axis(crop: int, *, length: int, source: int, align_corners: bool, like: Tensor) -> Neighbours:
    """Between which of `source` pixels the first `crop` of `length` positions lie that span the same."""
    positions = source_positions(pixels(crop), length=length, source=source, align_corners=align_corners)
    return neighbours(positions, source=source, like=like)


def between_rows(maps: Float[Tensor, "b k h w"], rows: Neighbours) -> Float[Tensor, "b k n w"]:
    """Linear interpolation along the height."""
    return torch.lerp(maps[:, :, rows.first], maps[:, :, rows.second], rows.weight[:, None])


def between_columns(maps: Float[Tensor, "b k h w"], columns: Neighbours) -> Float[Tensor, "b k h n"]:
    """Linear interpolation along the width."""
    return torch.lerp(maps[..., columns.first], maps[..., columns.second], columns.weight)
