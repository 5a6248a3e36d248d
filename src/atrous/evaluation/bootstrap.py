"""Confidence interval of a mean IoU by the percentile bootstrap (Efron, 1979).

A resampled data set holds as many images as the original, drawn from it with replacement. Frames of one video resemble
each other, so they are drawn in blocks of consecutive frames (Kuensch, 1989). Only the overlaps of images are summed,
never their pixels: a thousand resampled data sets take one matrix product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from atrous.evaluation.counts import ImageCounts, block_overlaps
from atrous.evaluation.metrics import overlap_miou

CONFIDENCE = 0.95
RESAMPLES = 1000
SEED = 0
_CHUNK = 50
"""Resamples whose draws are in memory together."""


@dataclass(frozen=True)
class Interval:
    """Confidence interval of a number over resampled data sets.

    Attributes:
        low, high: Ends of the interval.
        blocks: Number of images, or blocks of frames, that were drawn from.
        confidence: Share of the resamples inside the interval.
        resamples: Number of resampled data sets.
        seed: Seed of the random draws.
    """

    low: float
    high: float
    blocks: int
    confidence: float = CONFIDENCE
    resamples: int = RESAMPLES
    seed: int = SEED


def miou_interval(images: Sequence[ImageCounts], *, classes: int) -> Interval | None:
    """Interval of the mean IoU; None for fewer than two independent blocks, or if nothing is labelled."""
    overlaps = block_overlaps(images, classes=classes)
    return interval(overlap_miou(resampled(overlaps)), blocks=len(overlaps)) if len(overlaps) > 1 else None


def resampled(blocks: Int64[np.ndarray, "blocks *shape"]) -> Float64[np.ndarray, "resamples *shape"]:
    """Sums over the blocks of each resampled data set; the same number of blocks always gives the same draws."""
    generator, count = np.random.default_rng(SEED), len(blocks)
    flat = blocks.reshape(count, -1).astype(np.float64)
    totals = np.empty((RESAMPLES, flat.shape[1]))
    for start in range(0, RESAMPLES, _CHUNK):
        draws = [np.bincount(generator.integers(count, size=count), minlength=count) for _ in range(_CHUNK)]
        totals[start : start + _CHUNK] = np.stack(draws).astype(np.float64) @ flat
    return totals.reshape(RESAMPLES, *blocks.shape[1:])


def interval(values: Float64[np.ndarray, " resamples"], *, blocks: int) -> Interval | None:
    """Interval that contains the middle `CONFIDENCE` of the values; NaNs are left out; None if all are NaN."""
    measured = values[~np.isnan(values)]
    if not measured.size:
        return None
    low, high = np.quantile(measured, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high), blocks=blocks)
