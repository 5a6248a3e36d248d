"""Simplification of closed lines by the method of Douglas and Peucker (1973)."""

import math

import numpy as np
from jaxtyping import Float

Ring = Float[np.ndarray, "_ 2"]
"""Corners (x, y) of a closed line; the last is joined to the first."""

_EXACT = 0.25
"""Tolerance in pixels below which nothing would be left out: steps between pixels are higher."""
_SHORT = 24
"""Corners up to which numbers of Python are quicker than arrays."""
_SMALLEST = 0.5
"""Area in pixels that leaving out one corner changes at least: a triangle with whole corners has no less."""


def simplified(rings: list[Ring], tolerance: float, *, budget: float) -> list[Ring]:
    """The rings of a region with fewer corners.

    Args:
        rings: Outline and holes.
        tolerance: Largest distance in pixels of a removed corner from the new ring.
        budget: Largest area in pixels between old and new rings; halved tolerances are tried until it is kept.
    """
    if budget < _SMALLEST:  # most regions of a noisy map: no corner can go
        return rings
    while tolerance >= _EXACT:
        simple, left = list[Ring](), budget
        for ring in rings:
            kept, change = _with_change(ring, tolerance, budget=left)
            left -= change
            if left < 0:
                break
            simple.append(kept)
        else:
            return simple
        tolerance /= 2
    return rings


def _with_change(ring: Ring, tolerance: float, *, budget: float) -> tuple[Ring, float]:
    """The simplified ring, and the area in pixels between it and the ring, or what of it first exceeds the budget.

    A ring that would shrink to a line stays as it is.
    """
    if tolerance == 0 or len(ring) <= 4:
        return ring, 0.0
    start = int(((ring - ring.mean(axis=0)) ** 2).sum(axis=1).argmax())
    closed = np.concatenate([np.roll(ring, -start, axis=0), ring[start : start + 1]])
    middle = int(((closed - closed[0]) ** 2).sum(axis=1).argmax())
    kept, spans, change = {0, middle}, [(0, middle), (middle, len(closed) - 1)], 0.0
    corners = closed.tolist()
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        if last - first <= _SHORT:
            far, distance = _farthest_of_few(corners[first : last + 1])
            along = beside = None
        else:
            along, beside = _relative(closed[first : last + 1])
            distances = np.hypot(beside, along - along.clip(0, along[-1]))  # from the segment, not from its line
            far = int(distances.argmax())
            distance = float(distances[far])
        if distance > tolerance:
            kept.add(first + far)
            halves = (first, first + far), (first + far, last)
            spans += halves if 2 * far > last - first else halves[::-1]  # the short one first: it may use up the budget
        else:
            if along is None or beside is None:
                along, beside = _relative(closed[first : last + 1])
            change += _area_beside(along, beside)
            if change > budget:
                return ring, change
    simple = closed[sorted(kept)]
    return (simple, change) if len(simple) >= 3 else (ring, 0.0)


def _farthest_of_few(chain: list[list[float]]) -> tuple[int, float]:
    """The corner that is farthest from the segment between the first and the last, and its distance."""
    (x0, y0), (x1, y1) = chain[0], chain[-1]
    length = math.hypot(x1 - x0, y1 - y0)
    dx, dy = ((x1 - x0) / length, (y1 - y0) / length) if length else (1.0, 0.0)
    far, largest = 0, 0.0
    for number, (x, y) in enumerate(chain):
        along = (x - x0) * dx + (y - y0) * dy
        beyond = min(along, 0.0) + max(along - length, 0.0)
        distance = math.hypot((x - x0) * dy - (y - y0) * dx, beyond)
        if distance > largest:
            far, largest = number, distance
    return far, largest


def _relative(chain: Ring) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Positions of corners along the line from the first to the last, and their signed distances from it."""
    offset = chain - chain[0]
    length = float(np.hypot(*offset[-1]))
    direction = offset[-1] / length if length else np.array([1.0, 0.0])
    return offset @ direction, offset[:, 0] * direction[1] - offset[:, 1] * direction[0]


def _area_beside(along: Float[np.ndarray, " n"], beside: Float[np.ndarray, " n"]) -> float:
    """Area between a chain of corners and the line that they are relative to."""
    one, other = np.abs(beside[:-1]), np.abs(beside[1:])
    crosses = beside[:-1] * beside[1:] < 0
    mean = np.where(crosses, (one**2 + other**2) / np.maximum(one + other, 1e-12), one + other) / 2
    return float((mean * np.abs(np.diff(along))).sum())
