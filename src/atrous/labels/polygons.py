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
    starts, lengths, tops = _sorted_by_top(*_rings(labels, label))
    numbers, ends = np.repeat(np.arange(len(lengths)), lengths), starts[_following(lengths)]
    turns = starts[:, 0] * ends[:, 1] - ends[:, 0] * starts[:, 1]
    areas = (np.bincount(numbers, turns, minlength=len(lengths)) / 2).tolist()
    inner = [number for number, area in enumerate(areas) if area < 0]
    beside = _left_neighbours(numbers, starts, ends, tops[inner])
    owner = [*range(len(areas))]
    holes: dict[int, list[int]] = {}
    for hole, left in zip(inner, beside, strict=True):
        owner[hole] = owner[left]
        holes.setdefault(owner[hole], []).append(hole)
    last, points = np.cumsum(lengths).tolist(), starts.astype(np.float64)
    rings = [points[start:end] for start, end in zip([0, *last], last, strict=False)]
    for number, (ring, area) in enumerate(zip(rings, areas, strict=True)):
        if area > 0:
            yield (ring, area), [(rings[hole], areas[hole]) for hole in holes.get(number, ())]


def _sorted_by_top(
    points: Int64[np.ndarray, "n 2"], lengths: Int64[np.ndarray, " m"]
) -> tuple[Int64[np.ndarray, "n 2"], Int64[np.ndarray, " m"], Int64[np.ndarray, "m 2"]]:
    """Rings in the order of their topmost corners (the left one of several), the left one first; and these corners.

    What is to the left of a ring's top is then known before the ring.
    """
    firsts = np.cumsum(lengths) - lengths
    by_corner = np.lexsort((points[:, 0], points[:, 1], np.repeat(np.arange(len(lengths)), lengths)))
    tops = points[by_corner[firsts]]
    by_top = np.lexsort((tops[:, 0], tops[:, 1]))
    firsts, lengths = firsts[by_top], lengths[by_top]
    within = np.arange(len(points)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return points[np.repeat(firsts, lengths) + within], lengths, tops[by_top]


def _following(lengths: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, " n"]:
    """For every corner of rings that stand one after the other, the place of the next one of its ring."""
    following = np.arange(1, int(lengths.sum()) + 1)
    last = np.cumsum(lengths) - 1
    following[last] = last - lengths + 1
    return following


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


def _rings(labels: Integer[np.ndarray, "h w"], label: int) -> tuple[Int64[np.ndarray, "n 2"], Int64[np.ndarray, " m"]]:
    """Corners of all borders of a class, ring after ring, the inside on the right hand in image coordinates.

    Returns:
        The corners and the number of corners of every ring.
    """
    x, y, out = _corners(labels, label)
    count = len(x)
    by_column = np.lexsort((y, x))
    rank = np.empty(count, np.int64)
    rank[by_column] = np.arange(count)
    # Along a row or column, the corner at the end of an edge is the next one in order: right, down, left, up.
    places = np.arange(count)
    above, below = by_column[rank - 1], by_column[(rank + 1) % max(count, 1)]
    ends = np.stack((places + 1, below, places - 1, above)) % max(count, 1)
    number = np.cumsum(out.ravel()).reshape(4, count) - 1  # of the edges that there are
    following = list[np.ndarray]()
    for direction in range(4):
        end = ends[direction, np.flatnonzero(out[direction])]
        # Where two regions touch at a corner, the one that turns right stays with its pixel.
        right, left = (direction + 1) % 4, (direction + 3) % 4
        following.append(np.where(out[right, end], number[right, end], number[left, end]))
    order, lengths = _cycles(np.concatenate(following))
    corners = np.nonzero(out)[1][order]
    return np.stack((x[corners], y[corners]), axis=1), lengths


def _cycles(following: Int64[np.ndarray, " n"]) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " m"]]:
    """The cycles of a permutation, each from its smallest number on, in the order of these numbers.

    Steps are doubled until they lead around every cycle (Wyllie, 1979): a dozen passes over arrays in place of a walk
    from number to number, which takes most of the time where a map is noise.

    Args:
        following: For every number of 0..n - 1 the one that comes after it.

    Returns:
        The numbers, cycle after cycle, and the lengths of the cycles.
    """
    places = np.arange(len(following))
    smallest, jump, changed = places, following, True
    while changed:
        smaller = np.minimum(smallest, smallest[jump])
        changed = bool((smaller != smallest).any())
        smallest, jump = smaller, jump[jump]
    # Steps to the end of each cycle, which is the number before its smallest one.
    is_end = smallest == following
    jump, steps = np.where(is_end, places, following), (~is_end).astype(np.int64)
    while (ahead := steps[jump]).any():
        steps, jump = steps + ahead, jump[jump]
    order = np.lexsort((-steps, smallest))
    return order, np.bincount(smallest, minlength=len(places))[np.flatnonzero(smallest == places)]


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
