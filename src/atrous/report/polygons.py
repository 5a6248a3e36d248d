"""Outlines of the regions of a label map as polygons.

The outline of a region runs along the edges of its pixels: the pixel in row y and column x covers the square from
(x, y) to (x + 1, y + 1). Pixels that touch at a corner only belong to different regions. Outer rings go clockwise on
the screen and holes counter-clockwise, so that the region is always to the right of the direction of travel.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Integer

Ring = Float64[np.ndarray, "_ 2"]
"""Corners (x, y) in pixels; the last corner is joined to the first."""


@dataclass(frozen=True)
class Polygon:
    """Outline of a region of one class.

    Attributes:
        class_id: Class of the region.
        outer: Outer ring.
        holes: Rings of the holes inside it.
    """

    class_id: int
    outer: Ring
    holes: tuple[Ring, ...]


def trace_polygons(
    labels: Integer[np.ndarray, "h w"], *, class_ids: tuple[int, ...] | None = None, tolerance: float = 0.0
) -> list[Polygon]:
    """Trace the regions of a label map.

    Args:
        labels: Class ids.
        class_ids: Classes to trace; None traces every value that occurs.
        tolerance: Largest distance in pixels between the outline and its simplification (Douglas and Peucker, 1973).
            With 0 only corners on straight lines are left out, so the polygons cover exactly the pixels of their
            regions. Rings are simplified one by one, so neighbouring regions may overlap by up to twice the tolerance.

    Returns:
        Polygons by class, and from top to bottom within a class.

    Raises:
        ValueError: If the tolerance is negative or not finite.
    """
    if not 0 <= tolerance < np.inf:
        raise ValueError(f"tolerance {tolerance}: give a distance of 0 or more pixels")
    wanted = np.unique(labels).tolist() if class_ids is None else class_ids
    return [polygon for class_id in wanted for polygon in _class_polygons(labels, class_id, tolerance)]


def _class_polygons(labels: Integer[np.ndarray, "h w"], class_id: int, tolerance: float) -> list[Polygon]:
    mask = labels == class_id
    rings = sorted(_rings(mask), key=lambda ring: tuple(ring[np.lexsort((ring[:, 0], ring[:, 1]))[0]][::-1]))
    outlines, holes = list[np.ndarray](), list[list[np.ndarray]]()
    region_of = np.full((mask.shape[0], mask.shape[1] + 1), -1)  # region whose ring has a vertical edge there
    for ring in rings:  # by their topmost corner, so a ring to the left of another's top is already known
        if _signed_area(ring) > 0:
            region = len(outlines)
            outlines.append(ring)
            holes.append([])
        else:
            x, y = ring[np.lexsort((ring[:, 0], ring[:, 1]))[0]]
            edges = region_of[y, :x]
            region = int(edges[np.flatnonzero(edges >= 0)[-1]])
            holes[region].append(ring)
        for (x, y), (_, end) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            region_of[min(y, end) : max(y, end), x] = region
    return [
        Polygon(class_id, simplify(outer, tolerance), tuple(simplify(ring, tolerance) for ring in inner))
        for outer, inner in zip(outlines, holes, strict=True)
    ]


def _rings(mask: Bool[np.ndarray, "h w"]) -> list[Int64[np.ndarray, "n 2"]]:
    """Corners of all outlines of a mask, without corners on straight lines."""
    height, width = mask.shape
    framed = np.pad(mask, 1)
    upper, lower = framed[:-1, 1:-1], framed[1:, 1:-1]
    left, right = framed[1:-1, :-1], framed[1:-1, 1:]
    leaves = np.zeros((4, height + 1, width + 1), bool)  # an edge leaves this vertex in this direction
    leaves[0, :, :-1], leaves[2, :, 1:] = lower & ~upper, upper & ~lower
    leaves[1, :-1], leaves[3, 1:] = left & ~right, right & ~left
    arrives = np.zeros_like(leaves)
    arrives[0, :, 1:], arrives[2, :, :-1] = leaves[0, :, :-1], leaves[2, :, 1:]
    arrives[1, 1:], arrives[3, :-1] = leaves[1, :-1], leaves[3, 1:]
    corner = (leaves & ~arrives).any(axis=0) | (leaves.sum(axis=0) == 2)
    y, x = np.nonzero(corner)
    count = len(y)
    by_column = np.lexsort((y, x))
    rank = np.empty(count, np.int64)
    rank[by_column] = np.arange(count)
    # Along a row or column, the corner at the end of an edge is the next one in order.
    ends = np.stack((np.arange(count) + 1, by_column[(rank + 1) % max(count, 1)],
                     np.arange(count) - 1, by_column[rank - 1])) % max(count, 1)  # fmt: skip
    out = leaves[:, y, x]
    following = np.full((4, count), -1)
    for direction in range(4):
        starts = np.flatnonzero(out[direction])
        end = ends[direction, starts]
        turn_right, turn_left = (direction + 1) % 4, (direction + 3) % 4
        turn = np.where(out[turn_right, end], turn_right, turn_left)
        following[direction, starts] = turn * count + end
    path, corners = following.ravel().tolist(), np.stack((x, y), axis=1)
    visited = bytearray(len(path))
    rings = list[np.ndarray]()
    for start in np.flatnonzero(out.ravel()).tolist():
        ring, edge = list[int](), start
        while not visited[edge]:
            visited[edge] = 1
            ring.append(edge % count)
            edge = path[edge]
        if ring:
            rings.append(corners[ring])
    return rings


def _signed_area(ring: Int64[np.ndarray, "n 2"]) -> float:
    """Area inside the ring in pixels: positive for a ring that goes clockwise on the screen."""
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def simplify(ring: Integer[np.ndarray, "n 2"] | Ring, tolerance: float) -> Ring:
    """Leave out corners so that none is farther than a tolerance from the simplified ring (Douglas and Peucker, 1973).

    Args:
        ring: Corners (x, y).
        tolerance: Distance in pixels. A ring that would shrink to a line or a point stays as it is.
    """
    points = np.asarray(ring, np.float64)
    if tolerance == 0 or len(points) < 4:
        return points
    farthest = int(np.hypot(*(points - points[0]).T).argmax())
    closed = np.concatenate((points, points[:1]))
    keep = np.zeros(len(closed), bool)
    keep[[0, farthest, -1]] = True
    stack = [(0, farthest), (farthest, len(points))]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        distances = _distances(closed[first + 1 : last], closed[first], closed[last])
        worst = int(distances.argmax())
        if distances[worst] > tolerance:
            middle = first + 1 + worst
            keep[middle] = True
            stack += [(first, middle), (middle, last)]
    kept = points[keep[:-1]]
    return kept if len(kept) > 2 else points


def _distances(points: Ring, begin: np.ndarray, end: np.ndarray) -> Float64[np.ndarray, " n"]:
    """Distances of points from the line segment between two ends."""
    along, offset = end - begin, points - begin
    position = (offset @ along / max(float(along @ along), 1e-12)).clip(0, 1)
    return np.hypot(*(offset - position[:, None] * along).T)
