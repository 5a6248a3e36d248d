"""Simplification of closed lines by the method of Douglas and Peucker (1973)."""

import numpy as np
from jaxtyping import Float

Ring = Float[np.ndarray, "_ 2"]
"""Corners (x, y) of a closed line; the last is joined to the first."""

_EXACT = 0.25
"""Tolerance in pixels below which nothing would be left out: steps between pixels are higher."""
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
        simple = [_with_change(ring, tolerance) for ring in rings]
        if sum(change for _, change in simple) <= budget:
            return [ring for ring, _ in simple]
        tolerance /= 2
    return rings


def _with_change(ring: Ring, tolerance: float) -> tuple[Ring, float]:
    """The simplified ring, and the area in pixels between it and the ring.

    A ring that would shrink to a line stays as it is.
    """
    if tolerance == 0 or len(ring) <= 4:
        return ring, 0.0
    start = int(((ring - ring.mean(axis=0)) ** 2).sum(axis=1).argmax())
    closed = np.concatenate([np.roll(ring, -start, axis=0), ring[start : start + 1]])
    middle = int(((closed - closed[0]) ** 2).sum(axis=1).argmax())
    kept, spans, change = {0, middle}, [(0, middle), (middle, len(closed) - 1)], 0.0
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        along, beside = _relative(closed[first : last + 1])
        length = along[-1]
        distance = np.hypot(beside, along - along.clip(0, length))  # from the segment, not from its line
        far = int(distance.argmax())
        if distance[far] > tolerance:
            kept.add(first + far)
            spans += [(first, first + far), (first + far, last)]
        else:
            change += _area_beside(along, beside)
    simple = closed[sorted(kept)]
    return (simple, change) if len(simple) >= 3 else (ring, 0.0)


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
