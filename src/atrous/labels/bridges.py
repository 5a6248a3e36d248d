"""Polygons with holes as single rings, for formats without holes: every hole hangs on a bridge of no width."""

from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate

import numpy as np
from jaxtyping import Float64, Int64

from atrous.labels.polygons import Polygon
from atrous.labels.simplification import Ring

_NEAR = 1024
"""Corners to the right of a hole, the next ones by x, of which the nearest gets the bridge."""


def joined(polygon: Polygon) -> Ring:
    """One ring that covers what the polygon covers, filled by the even-odd or the nonzero rule.

    The rightmost corner of a hole is joined to a corner further to the right: of the outline, or of another hole, whose
    own bridge leads further to the right. So no hole hangs on itself, and the time grows with the number of corners.
    """
    if not polygon.holes:
        return polygon.outline
    rings = [polygon.outline, *(np.roll(hole, -int(hole[:, 0].argmax()), axis=0) for hole in polygon.holes)]
    points = np.concatenate(rings)
    first = [0, *accumulate(map(len, rings))]
    children: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for hole, place in enumerate(
        _bridges(points, np.array(first[1:-1], np.int64), len(polygon.outline)).tolist(), start=1
    ):
        children[bisect_right(first, place) - 1].append((place, hole))
    return points[_walk(first, children)]


def _bridges(
    points: Float64[np.ndarray, "n 2"], firsts: Int64[np.ndarray, " holes"], outline: int
) -> Int64[np.ndarray, " holes"]:
    """The corner that each hole hangs on: a near one to the right of its first corner, or else one of the outline."""
    order = np.argsort(points[:, 0], kind="stable")
    by_x = points[order]
    after = _places_after(np.asarray(by_x[:, 0], np.float64), np.asarray(points[firsts, 0], np.float64))
    found = np.empty(len(firsts), np.int64)
    for number, (first, place) in enumerate(zip(firsts.tolist(), after, strict=True)):
        if place < len(order):
            some, candidates = by_x[place : place + _NEAR], order[place : place + _NEAR]
        else:  # simplification took the corners of the outline that were there
            some, candidates = points[:outline], np.arange(outline)
        found[number] = candidates[int(((some - points[first]) ** 2).sum(axis=1).argmin())]
    return found


def _places_after(ordered: Float64[np.ndarray, " n"], values: Float64[np.ndarray, " m"]) -> list[int]:
    """For every value, the place of the first larger one among ordered numbers."""
    return np.searchsorted(ordered, values, side="right").tolist()


def _walk(starts: list[int], children: dict[int, list[tuple[int, int]]]) -> Int64[np.ndarray, " m"]:
    """Corners in the order in which one line visits all rings: along a ring, and over each bridge and back."""
    steps: list[np.ndarray] = []
    waiting = [(0, starts[0], iter(sorted(children[0])))]
    while waiting:
        ring, place, rest = waiting.pop()
        following = next(rest, None)
        if following is None:
            steps.append(np.arange(place, starts[ring + 1]))
            steps.append(np.arange(starts[ring], starts[ring] + (ring > 0)))  # a hole is closed, then comes its bridge
            continue
        bridge, hole = following
        steps.append(np.arange(place, bridge + 1))
        waiting += [(ring, bridge, rest), (hole, starts[hole], iter(sorted(children[hole])))]
    return np.concatenate(steps)
