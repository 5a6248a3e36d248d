"""Areas of a picture: polygons, circles, run lengths, as pixels.

One rule for outlines: a pixel belongs to a shape if its centre does. The centre of the pixel in row r and column c is
at (x, y) = (c + 0.5, r + 0.5); a polygon's inside is by the even-odd rule, and a centre exactly on an outline is inside
where the outline is a left or an upper edge. So two polygons with a common edge share no pixel and leave no gap.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

from atrous.sizes import Size

FARTHEST = 1e7
"""Coordinates beyond this are not a place in a picture."""
_MOST_CROSSINGS = 2**26
"""Rows that the edges of one polygon may cross in all: 4096 full-height edges in the largest picture."""


@dataclass(frozen=True)
class Region:
    """Some of a picture's pixels.

    Attributes:
        row: First row of the window.
        column: Its first column.
        inside: Which pixels of the window belong to the region.
    """

    row: int
    column: int
    inside: Bool[np.ndarray, "h w"]

    @property
    def pixels(self) -> int:
        """Number of pixels that belong to the region."""
        return int(self.inside.sum())

    def paint(self, labels: Integer[np.ndarray, "H W"], *, value: int) -> None:
        """Set the region's pixels in a label map of the whole picture."""
        height, width = self.inside.shape
        labels[self.row : self.row + height, self.column : self.column + width][self.inside] = value


def polygon_region(points: Float64[np.ndarray, "n 2"], *, size: Size) -> Region:
    """The pixels whose centres are inside a polygon.

    Args:
        points: Corners (x, y) in pixels, from the upper left corner of the picture; at least three, none repeated at
            the end.
        size: Height and width of the picture; what is outside is cut off.

    Raises:
        ValueError: If there are fewer than three points, or a coordinate is not finite or far outside any picture.
    """
    if len(points) < 3:
        raise ValueError(f"a polygon of {len(points)} points; it takes three")
    if not (np.abs(points) <= FARTHEST).all():
        raise ValueError("a polygon with coordinates that are not in any picture")
    after = np.roll(points, -1, axis=0)
    (x0, y0), (x1, y1) = points.T, after.T
    top, bottom = (_first_centre(edge, size[0]) for edge in (np.minimum(y0, y1), np.maximum(y0, y1)))
    left, right = _first_centre(np.array([x0.min(), x0.max()]), size[1]).tolist()
    width, first, height = right - left, int(top.min()), int(bottom.max() - top.min())
    spans = bottom - top
    if int(spans.sum()) > _MOST_CROSSINGS:
        raise ValueError("a polygon too intricate to fill")
    # Every row that an edge crosses, once per edge: even-odd means that the pixels right of it change sides.
    edge = np.repeat(np.arange(len(points)), spans)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(spans) - spans, spans) + top[edge]
    slope = (x1 - x0)[edge] / (y1 - y0)[edge]
    column = _first_centre(x0[edge] + (row + 0.5 - y0[edge]) * slope, size[1])
    place = (row - first) * (width + 1) + np.clip(column - left, 0, width)
    changes = np.bincount(place, minlength=height * (width + 1)).reshape(height, width + 1)
    return Region(first, left, np.cumsum(changes, axis=1)[:, :width] % 2 == 1)


def circle_region(centre: tuple[float, float], *, radius: float, size: Size) -> Region:
    """The pixels whose centres are at most `radius` from `centre` (x, y); raises ValueError as `polygon_region`."""
    if not max(abs(centre[0]), abs(centre[1]), radius) <= FARTHEST:
        raise ValueError("a circle that is not in any picture")
    spread = np.array([-radius, radius + 1])
    left, right = _first_centre(centre[0] + spread, size[1]).tolist()
    top, bottom = _first_centre(centre[1] + spread, size[0]).tolist()
    rows, columns = np.arange(top, bottom)[:, None] + 0.5, np.arange(left, right) + 0.5
    return Region(top, left, (rows - centre[1]) ** 2 + (columns - centre[0]) ** 2 <= radius**2)


def runs_region(counts: Sequence[int] | Int64[np.ndarray, " n"], *, size: Size) -> Region:
    """The pixels of COCO's run lengths: column by column, outside first, then in turn.

    Args:
        counts: Lengths of the runs.
        size: Height and width of the picture.

    Raises:
        ValueError: If a run is negative or they do not add up to the picture.
    """
    lengths = np.asarray(counts, np.int64)
    height, width = size
    if (lengths < 0).any() or (lengths > height * width).any() or int(lengths.sum()) != height * width:
        raise ValueError(f"run lengths that do not add up to {width} x {height} pixels")
    inside = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return Region(0, 0, np.ascontiguousarray(inside.reshape(width, height).T))


def decode_runs(text: str) -> list[int]:
    """Run lengths from COCO's compressed string.

    Each number is written in groups of five bits, lowest first, as characters from `0` on; 32 marks that more follow,
    and the last group's 16 is the sign. From the fourth number on, the difference from the last but one is written.

    Raises:
        ValueError: If the string ends within a number or holds other characters.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        group = ord(character) - 48
        if not 0 <= group < 64 or shift > 60:
            raise ValueError("run lengths that are not COCO's compressed string")
        value |= (group & 31) << shift
        shift += 5
        if not group & 32:
            value -= (1 << shift) if group & 16 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("run lengths that end within a number")
    return counts


def _first_centre(coordinate: Float64[np.ndarray, "..."], limit: int) -> Int64[np.ndarray, "..."]:
    """The first row or column whose centre is not before a coordinate, in 0..limit."""
    return np.clip(np.ceil(coordinate - 0.5), 0, limit).astype(np.int64)
