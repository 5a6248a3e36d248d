"""Polygons of label maps: outlines and holes of connected regions.

Corners are (x, y) in pixels of the image: pixel (row r, column c) covers x in c..c+1 and y in r..r+1. Outlines run
along the edges of pixels, so they are exact until they are simplified. Pixels are connected by their edges, not by
their corners.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int64, Integer

Ring = Float[np.ndarray, "_ 2"]
"""Corners (x, y) of a closed line; the last is joined to the first."""


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
    labels: Integer[np.ndarray, "h w"], *, classes: Iterable[int], tolerance: float = 0.0, smallest: int = 1
) -> list[Polygon]:
    """The regions of some classes, the largest first.

    Args:
        labels: Class ids.
        classes: Those to trace.
        tolerance: Largest distance in pixels of a removed corner from the simplified line; 0 keeps every corner.
        smallest: Regions of fewer pixels, and holes of fewer, are left out.

    Raises:
        ValueError: If the tolerance is negative.
    """
    if tolerance < 0:
        raise ValueError(f"tolerance {tolerance} must be at least 0 pixels")
    found: list[Polygon] = []
    for label in classes:
        found += _regions(labels == label, label=int(label), tolerance=tolerance, smallest=smallest)
    return sorted(found, key=lambda polygon: -_area(polygon.outline))


def joined(polygon: Polygon) -> Ring:
    """One ring for formats without holes: each hole hangs on the outline by a bridge of no width.

    Filled by the even-odd or the nonzero rule it covers what the polygon covers.
    """
    ring = polygon.outline
    # From right to left, so that a bridge to the nearest corner does not run through a hole that is still to come.
    for hole in sorted(polygon.holes, key=lambda hole: -hole[:, 0].max()):
        start = int(hole[:, 0].argmax())
        place = int(((ring - hole[start]) ** 2).sum(axis=1).argmin())
        turned = np.roll(hole, -start, axis=0)
        ring = np.concatenate([ring[: place + 1], turned, turned[:1], ring[place:]])
    return ring


def _regions(inside: Bool[np.ndarray, "h w"], *, label: int, tolerance: float, smallest: int) -> list[Polygon]:
    rings = _rings(inside)
    areas = [_area(ring) for ring in rings]
    outer = [place for place, area in enumerate(areas) if area > 0]
    holes: dict[int, list[int]] = {place: [] for place in outer}
    boxes = np.array([[*rings[place].min(axis=0), *rings[place].max(axis=0)] for place in outer]).reshape(-1, 4)
    for place, area in enumerate(areas):
        if area < 0:
            holes[_owner(_point_beside(rings[place]), rings, outer, boxes, areas)].append(place)
    return [
        Polygon(
            label,
            _simplified(rings[place], tolerance),
            tuple(_simplified(rings[hole], tolerance) for hole in holes[place] if -areas[hole] >= smallest),
            pixels=round(areas[place] + sum(areas[hole] for hole in holes[place])),
        )
        for place in outer
        if areas[place] + sum(areas[hole] for hole in holes[place]) >= smallest
    ]


def _rings(inside: Bool[np.ndarray, "h w"]) -> list[Ring]:
    """All borders, the inside on the right hand in image coordinates; corners only."""
    padded = np.pad(inside, 1)
    columns = inside.shape[1] + 1  # corners of pixels per row

    def corners(edges: Bool[np.ndarray, "m n"]) -> Int64[np.ndarray, " e"]:
        row, column = np.nonzero(edges)
        return row.astype(np.int64) * columns + column

    top = corners(padded[1:-1, 1:-1] & ~padded[:-2, 1:-1])  # pixels whose upper edge is a border: left to right
    bottom = corners(padded[1:-1, 1:-1] & ~padded[2:, 1:-1])
    left = corners(padded[1:-1, 1:-1] & ~padded[1:-1, :-2])
    right = corners(padded[1:-1, 1:-1] & ~padded[1:-1, 2:])
    starts = np.concatenate([top, right + 1, bottom + columns + 1, left + columns])
    ends = np.concatenate([top + 1, right + columns + 1, bottom + columns, left])
    heading = np.repeat([0, 1, 2, 3], [len(top), len(right), len(bottom), len(left)])  # right, down, left, up
    following = _following(starts, ends, heading).tolist()
    used, rings = np.zeros(len(starts), bool), list[np.ndarray]()
    headings, places = heading.tolist(), starts.tolist()
    for first in range(len(places)):
        if used[first]:
            continue
        ring, edge = list[int](), first
        while not used[edge]:
            used[edge] = True
            after = following[edge]
            if headings[after] != headings[edge]:
                ring.append(places[after])
            edge = after
        rows, cols = np.divmod(np.array(ring), columns)
        rings.append(np.stack([cols, rows], axis=1).astype(np.float64))
    return rings


def _following(
    starts: Int64[np.ndarray, " e"], ends: Int64[np.ndarray, " e"], heading: Int64[np.ndarray, " e"]
) -> Int64[np.ndarray, " e"]:
    """The edge after each edge; where two regions touch at a corner, the one that turns right stays with its pixel."""
    order = np.lexsort((heading, starts))
    first = np.searchsorted(starts[order], ends, side="left")
    last = np.searchsorted(starts[order], ends, side="right") - 1
    one, other = order[first], order[last]
    turns_right = heading[one] == (heading + 1) % 4
    return np.where(turns_right, one, other)


def _point_beside(hole: Ring) -> tuple[float, float]:
    """The centre of a pixel of the region that borders a hole: on the right hand of its first edge."""
    (x0, y0), (x1, y1) = hole[0], hole[1]
    dx, dy = np.sign(x1 - x0), np.sign(y1 - y0)
    return float(x0 + 0.5 * dx - 0.5 * dy), float(y0 + 0.5 * dy + 0.5 * dx)


def _owner(
    point: tuple[float, float],
    rings: Sequence[Ring],
    outer: Sequence[int],
    boxes: Float[np.ndarray, "k 4"],
    areas: Sequence[float],
) -> int:
    """The smallest outline around a point."""
    x, y = point
    near = np.flatnonzero((boxes[:, 0] < x) & (x < boxes[:, 2]) & (boxes[:, 1] < y) & (y < boxes[:, 3]))
    around = [outer[place] for place in near.tolist() if _contains(rings[outer[place]], x, y)]
    return min(around, key=lambda place: areas[place])


def _contains(ring: Ring, x: float, y: float) -> bool:
    """Return True if a point is inside a ring of upright and level edges."""
    after = np.roll(ring, -1, axis=0)
    crosses = ((ring[:, 1] > y) != (after[:, 1] > y)) & (ring[:, 0] > x)
    return bool(crosses.sum() % 2)


def _area(ring: Ring) -> float:
    """Signed area in pixels, positive for rings that run clockwise in image coordinates."""
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _simplified(ring: Ring, tolerance: float) -> Ring:
    """Fewer corners, none of the removed ones farther than the tolerance from the new line (Douglas and Peucker)."""
    if tolerance == 0 or len(ring) <= 4:
        return ring
    start = int(((ring - ring.mean(axis=0)) ** 2).sum(axis=1).argmax())
    closed = np.concatenate([np.roll(ring, -start, axis=0), ring[start : start + 1]])
    middle = int(((closed - closed[0]) ** 2).sum(axis=1).argmax())
    kept, spans = {0, middle}, [(0, middle), (middle, len(closed) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        between, (dx, dy) = closed[first + 1 : last] - closed[first], closed[last] - closed[first]
        distance = np.abs(between[:, 0] * dy - between[:, 1] * dx) / max(np.hypot(dx, dy), 1e-12)
        far = int(distance.argmax())
        if distance[far] > tolerance:
            place = first + 1 + far
            kept.add(place)
            spans += [(first, place), (place, last)]
    simple = closed[sorted(kept)]
    return simple if len(simple) >= 3 else ring
