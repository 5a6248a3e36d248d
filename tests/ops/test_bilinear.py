"""Interpolation at chosen rows and columns: by hand, against torch, and at the edge of what 32 bits hold."""

import pytest
import torch
from torch.nn.functional import interpolate

from atrous.ops.bilinear import axis_neighbours, interpolate_columns, interpolate_rows, neighbours

LINE = torch.tensor([2.0, 10.0, 30.0])


def along(axis, values, coordinates):
    """Values at coordinates of a line that lies along the height (2) or the width (3)."""
    positions = neighbours(torch.tensor(coordinates, dtype=torch.float64), source=len(values), like=values)
    maps = values.reshape(1, 1, -1, 1) if axis == 2 else values.reshape(1, 1, 1, -1)
    found = interpolate_rows(maps, positions) if axis == 2 else interpolate_columns(maps, positions)
    return found.flatten().tolist()


@pytest.mark.parametrize("axis", [2, 3])
def test_by_hand(axis):
    assert along(axis, LINE, [-1.0, 0.0, 0.25, 1.0, 1.5, 2.0, 2.75]) == [2, 2, 4, 10, 20, 30, 30]


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_a_neighbour_without_weight_adds_nothing(axis, bad):
    """1 - 1e-12 lies between the first two positions, and its weight is 1 in float32."""
    values = torch.tensor([bad, 10.0, bad])
    assert along(axis, values, [1.0, 1 - 1e-12]) == [10, 10]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("source", "length"), [(3, 10), (5, 65), (7, 7), (1, 4), (9, 4)])
def test_all_pixels_of_an_axis_are_those_of_torch(source, length, align_corners):
    maps = torch.rand(1, 2, source, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(source))
    rows = axis_neighbours(length, length=length, source=source, align_corners=align_corners, like=maps)
    expected = interpolate(maps, (length, 3), mode="bilinear", align_corners=align_corners)
    torch.testing.assert_close(interpolate_rows(maps, rows), expected, rtol=1e-12, atol=1e-12)
