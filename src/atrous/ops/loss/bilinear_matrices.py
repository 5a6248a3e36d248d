"""Bilinear interpolation along an axis as products with small matrices; their transposes run it backwards."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from atrous.ops.bilinear import Neighbours


@dataclass(frozen=True)
class Stretch:
    """Some positions in a row on a fine axis, and the pixels of a coarse axis that they lie between.

    Attributes:
        fine: The positions.
        coarse: The pixels.
        matrix: Share of each pixel in each position; rows sum to 1.
    """

    fine: slice
    coarse: slice
    matrix: Float[Tensor, "fine coarse"]


def stretches(axis: Neighbours, *, fine: int) -> list[Stretch]:
    """An axis in stretches of at most `fine` positions."""
    length = len(axis.weight)
    return [_stretch(axis, slice(start, min(start + fine, length))) for start in range(0, length, fine)]


def _stretch(axis: Neighbours, fine: slice) -> Stretch:
    part = axis.part(fine)
    coarse = slice(int(part.first[0]), int(part.second[-1]) + 1)
    matrix = part.weight.new_zeros(len(part.weight), coarse.stop - coarse.start)
    row = torch.arange(len(matrix), device=matrix.device)
    matrix[row, part.first - coarse.start] += 1 - part.weight
    matrix[row, part.second - coarse.start] += part.weight
    return Stretch(fine, coarse, matrix)


def upsample_columns(maps: Float[Tensor, "h k w"], columns: list[Stretch]) -> Float[Tensor, "h k W"]:
    """Maps with their columns interpolated."""
    wide = maps.new_empty(*maps.shape[:2], columns[-1].fine.stop)
    for column in columns:
        wide[..., column.fine] = maps[..., column.coarse] @ column.matrix.T
    return wide


def upsample_columns_transpose(
    gradient: Float[Tensor, "h k W"], columns: list[Stretch], *, width: int
) -> Float[Tensor, "h k w"]:
    """The gradient of maps `width` wide from that of the upsample_columns ones."""
    maps = gradient.new_zeros(*gradient.shape[:2], width)
    for column in columns:
        maps[..., column.coarse] += gradient[..., column.fine] @ column.matrix
    return maps
