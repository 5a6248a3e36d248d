"""How far a mean IoU would move with other images of the same kind: the percentile bootstrap (Efron, 1979).

As many images as there are, drawn with replacement, are a data set that might have been. Frames of one video resemble
each other, so they are drawn in blocks of neighbours (Kuensch, 1989). Only overlaps are summed, never pixels: a
thousand data sets take one product of matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from atrous.evaluation.image_counts import ImageCounts, block_overlaps
from atrous.evaluation.metrics import overlap_miou

CONFIDENCE = 0.95
RESAMPLES = 1000
SEED = 0
_AT_ONCE = 50
"""Resamples whose draws are in memory together."""


@dataclass(frozen=True)
class Interval:
    """Where a number lies in the middle part of the resampled data sets.

    Attributes:
        low, high: Ends of the interval.
        blocks: How many images, or blocks of frames, were drawn from.
        confidence: Share of the resamples inside.
        resamples: How many data sets were drawn.
        seed: Of the draws.
    """

    low: float
    high: float
    blocks: int
    confidence: float = CONFIDENCE
    resamples: int = RESAMPLES
    seed: int = SEED


def miou_interval(images: Sequence[ImageCounts], *, classes: int) -> Interval | None:
    """The interval of the mean IoU; None where there is but one independent part, or nothing is labelled."""
    overlaps = block_overlaps(images, classes=classes)
    return interval(overlap_miou(resampled(overlaps)), blocks=len(overlaps)) if len(overlaps) > 1 else None


def resampled(blocks: Int64[np.ndarray, "blocks *shape"]) -> Float64[np.ndarray, "resamples *shape"]:
    """Sums over as many blocks as there are (one or more), drawn with replacement: for one number always the same."""
    generator, count = np.random.default_rng(SEED), len(blocks)
    flat = blocks.reshape(count, -1).astype(np.float64)
    totals = np.empty((RESAMPLES, flat.shape[1]))
    for start in range(0, RESAMPLES, _AT_ONCE):
        draws = [np.bincount(generator.integers(count, size=count), minlength=count) for _ in range(_AT_ONCE)]
        totals[start : start + _AT_ONCE] = np.stack(draws).astype(np.float64) @ flat
    return totals.reshape(RESAMPLES, *blocks.shape[1:])


def interval(values: Float64[np.ndarray, " resamples"], *, blocks: int) -> Interval | None:
    """The middle of the values that are numbers; None if none is."""
    measured = values[~np.isnan(values)]
    if not measured.size:
        return None
    low, high = np.quantile(measured, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high), blocks=blocks)
