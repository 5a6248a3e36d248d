"""Polygons of label maps: outlines and holes of connected regions.

Corners are (x, y) in pixels of the image: pixel (row r, column c) covers x in c..c+1 and y in r..r+1. Outlines run
along the edges of pixels, so they are exact until they are simplified. Pixels are connected by their edges, not by
their corners.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, Integer

from atrous.labels.simplification import Ring, simplified

_BAND = 2**24
"""Pixels that are searched for corners at a time, so that large maps need little memory besides themselves."""


@dataclass(frozen=True)
class Polygon:
    """A connected region of one class.

    Attributes:
        label: Its class id.
        outline: Its outer border; in image coordinates (y down) it runs clockwise.
        holes: Borders of what it does not cover inside; they run the other way.
        pixels: Its area in pixels, before simplification.
    """

    label: int
    outline: Ring
    holes: tuple[Ring, ...]
    pixels: int


def trace_polygons(
    labels: Integer[np.ndarray, "h w"],
    *,
    classes: Iterable[int] | None = None,
    tolerance: float = 0.0,
    smallest: int = 1,
    most_change: float | None = None,
) -> list[Polygon]:
    """The regions of some classes, those with the largest outlines first.

    Args:
        labels: Class ids.
        classes: Those to trace; None traces every value that occurs.
        tolerance: Largest distance in pixels of a removed corner from the simplified line (Douglas and Peucker, 1973);
            0 keeps every corner. Regions are simplified one by one, so neighbours may overlap by twice the tolerance.
        smallest: Regions of fewer pixels, and holes of fewer, are left out.
        most_change: Largest share of a region's pixels that simplification may add or remove; where it would be more,
            a smaller tolerance is taken. None: no limit.

    Raises:
        ValueError: If the tolerance is negative or not finite.
    """
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance {tolerance}: give a distance of 0 or more pixels")
    found: list[tuple[float, Polygon]] = []
    present = np.unique(labels).tolist()  # each class takes a pass over the map
    for label in present if classes is None else sorted({*present}.intersection(classes)):
        for (outline, area), holes in _regions(labels, label):
            pixels = round(area + sum(hole_area for _, hole_area in holes))
            if pixels >= smallest:
                kept = [outline, *(hole for hole, hole_area in holes if -hole_area >= smallest)]
                budget = np.inf if most_change is None else most_change * pixels
                simple, *inner = simplified(kept, tolerance, budget=budget)
                found.append((area, Polygon(label, simple, tuple(inner), pixels)))
    # By the exact areas: simplification may turn their order around.
    return [polygon for _, polygon in sorted(found, key=lambda pair: -pair[0])]


def _regions(
    labels: Integer[np.ndarray, "h w"], label: int
) -> Iterator[tuple[tuple[Ring, float], list[tuple[Ring, float]]]]:
    """Outline and holes of every connected region of a class, each with its signed area."""
    unsorted = _rings(labels, label)
    if not unsorted:
        return
    numbers, starts, _ = _edges(unsorted)
    order = np.lexsort((starts[:, 0], starts[:, 1], numbers))
    lengths = [len(ring) for ring in unsorted]
    tops = starts[order[np.cumsum([0, *lengths[:-1]])]]  # topmost corner of every ring, the left one of several
    # By these corners, the left one first: what is to the left of a ring's top is then known before it.
    by_top = np.lexsort((tops[:, 0], tops[:, 1])).tolist()
    rings: list[Int64[np.ndarray, "_ 2"]] = [unsorted[number] for number in by_top]
    tops = tops[by_top]
    numbers, starts, ends = _edges(rings)
    areas: list[float] = (np.bincount(numbers, starts[:, 0] * ends[:, 1] - ends[:, 0] * starts[:, 1]) / 2).tolist()
    inner = [number for number, area in enumerate(areas) if area < 0]
    beside = dict(zip(inner, _left_neighbours(numbers, starts, ends, tops[inner]), strict=True))
    holes: dict[int, list[tuple[Ring, float]]] = {number: [] for number, area in enumerate(areas) if area > 0}
    owner = {number: number for number in holes}
    for hole, left in beside.items():
        owner[hole] = owner[left]
        holes[owner[hole]].append((rings[hole].astype(np.float64), areas[hole]))
    for number, some in holes.items():
        yield (rings[number].astype(np.float64), areas[number]), some


def _edges(
    rings: list[Int64[np.ndarray, "_ 2"]],
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, "n 2"], Int64[np.ndarray, "n 2"]]:
    """Number of the ring, start and end of every edge of some rings."""
    lengths = np.array([len(ring) for ring in rings])
    starts = np.concatenate(rings)
    following = np.arange(1, len(starts) + 1)
    last = np.cumsum(lengths) - 1
    following[last] = last - lengths + 1
    return np.repeat(np.arange(len(rings)), lengths), starts, starts[following]


def _left_neighbours(
    numbers: Int64[np.ndarray, " n"],
    starts: Int64[np.ndarray, "n 2"],
    ends: Int64[np.ndarray, "n 2"],
    tops: Int64[np.ndarray, "holes 2"],
) -> list[int]:
    """For the topmost corner of every hole, the ring that has the next edge to the left of it."""
    if not len(tops):
        return []
    upright = starts[:, 0] == ends[:, 0]
    x, numbers = starts[upright, 0], numbers[upright]
    upper = np.asarray(np.minimum(starts[upright, 1], ends[upright, 1]), np.int64)
    lower = np.asarray(np.maximum(starts[upright, 1], ends[upright, 1]), np.int64)
    # Only rows of pixels below the top of a hole matter: an edge is listed once for each of them that it passes.
    rows = np.asarray(np.unique(tops[:, 1]), np.int64)
    first = np.searchsorted(rows, upper)
    last = np.searchsorted(rows, lower)
    count = last - first
    row = np.repeat(first - np.cumsum(count) + count, count) + np.arange(int(count.sum()))
    stride = int(starts[:, 0].max()) + 1
    keys, listed = row * stride + np.repeat(x, count), np.repeat(numbers, count)
    order = np.argsort(keys, kind="stable")
    wanted = np.searchsorted(rows, tops[:, 1]) * stride + tops[:, 0]
    return listed[order][np.searchsorted(keys[order], wanted) - 1].tolist()


def _rings(labels: Integer[np.ndarray, "h w"], label: int) -> list[Int64[np.ndarray, "_ 2"]]:
    """Corners of all borders of a class, the inside on the right hand in image coordinates."""
    x, y, out = _corners(labels, label)
    count = len(x)
    if not count:
        return []
    by_column = np.lexsort((y, x))
    rank = np.empty(count, np.int64)
    rank[by_column] = np.arange(count)
    # Along a row or column, the corner at the end of an edge is the next one in order: right, down, left, up.
    places = np.arange(count)
    ends = np.stack((places + 1, by_column[(rank + 1) % count], places - 1, by_column[rank - 1])) % count
    following = np.full((4, count), -1)
    for direction in range(4):
        starts = np.flatnonzero(out[direction])
        end = ends[direction, starts]
        # Where two regions touch at a corner, the one that turns right stays with its pixel.
        right, left = (direction + 1) % 4, (direction + 3) % 4
        following[direction, starts] = np.where(out[right, end], right, left) * count + end
    path, corners = following.ravel().tolist(), np.stack((x, y), axis=1)
    visited, rings = bytearray(len(path)), list[np.ndarray]()
    for start in np.flatnonzero(out.ravel()).tolist():
        ring, edge = list[int](), start
        while not visited[edge]:
            visited[edge] = 1
            ring.append(edge % count)
            edge = path[edge]
        if ring:
            rings.append(corners[ring])
    return rings


def _corners(
    labels: Integer[np.ndarray, "h w"], label: int
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"], Bool[np.ndarray, "4 n"]]:
    """Corners of the borders of a class, row by row: x, y, and whether an edge leaves it right, down, left, up."""
    height, width = labels.shape
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    step = max(_BAND // (width + 1), 1)
    for top in range(0, height + 1, step):
        bottom = min(top + step, height + 1)  # rows of corners; each lies between two rows of pixels
        inside = np.zeros((bottom - top + 1, width + 2), bool)
        rows = slice(max(top - 1, 0), min(bottom, height))
        inside[rows.start - top + 1 : rows.stop - top + 1, 1:-1] = labels[rows] == label
        around = inside[:-1, :-1], inside[:-1, 1:], inside[1:, :-1], inside[1:, 1:]
        north_west, north_east, south_west, south_east = around
        odd = north_west ^ north_east ^ south_west ^ south_east
        crossing = (north_west == south_east) & (north_east == south_west) & (north_west != north_east)
        y, x = np.nonzero(odd | crossing)
        nw, ne, sw, se = (pixels[y, x] for pixels in around)
        found.append((x, y + top, np.stack((se & ~ne, sw & ~se, nw & ~sw, ne & ~nw))))
    x, y, out = zip(*found, strict=True)
    return np.concatenate(x), np.concatenate(y), np.concatenate(out, axis=1)
