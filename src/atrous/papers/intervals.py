"""Means and intervals of a row over its seeds and the pictures, and of the difference of two rows.

The bootstrap draws pictures (frames of a video in blocks) and seeds together, with replacement. All rows of a table are
evaluated on the same pictures, so that the same draws pair them: pictures that are difficult for both rows do not widen
the interval of their difference. With one seed an interval says nothing of what another seed would give.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from atrous.evaluation.bootstrap import RESAMPLES, SEED, interval, resampled
from atrous.evaluation.metrics import overlap_miou

Overlaps = Int64[np.ndarray, "blocks 3 k"]
"""Pixels in both, truth and prediction, by independent part of the data set and class."""


@dataclass(frozen=True)
class Estimate:
    """A mIoU, or a difference of two, in points (percent).

    Attributes:
        value: Mean over the seeds.
        interval: Ends of the 95 % interval; None with fewer than two independent pictures.
    """

    value: float
    interval: tuple[float, float] | None


def mean_miou(seeds: Sequence[Overlaps]) -> Estimate | None:
    """Estimate the mIoU of a row from the overlaps of each seed; None where nothing is labelled."""
    return _estimate(_value(seeds), _draws(seeds), blocks=len(seeds[0]))


def miou_difference(better: Sequence[Overlaps], worse: Sequence[Overlaps]) -> Estimate | None:
    """Estimate the mIoU of one row minus that of another, on the same pictures; None where nothing is labelled."""
    pairs = min(len(better), len(worse))
    better, worse = better[:pairs], worse[:pairs]
    draws = _draws(better) - _draws(worse)
    return _estimate(_value(better) - _value(worse), draws, blocks=len(better[0]))


def _value(seeds: Sequence[Overlaps]) -> float:
    return float(np.mean([overlap_miou(overlaps.sum(axis=0)) for overlaps in seeds]))


def _draws(seeds: Sequence[Overlaps]) -> Float64[np.ndarray, " resamples"]:
    """Mean mIoU of each resampled data set over as many resampled seeds."""
    values = overlap_miou(resampled(np.stack(seeds, axis=1)))
    chosen = np.random.default_rng(SEED).integers(len(seeds), size=(RESAMPLES, len(seeds)))
    return np.take_along_axis(values, chosen, axis=1).mean(axis=1)


def _estimate(value: float, draws: Float64[np.ndarray, " resamples"], *, blocks: int) -> Estimate | None:
    if np.isnan(value):
        return None
    found = interval(draws, blocks=blocks) if blocks > 1 else None
    return Estimate(100 * value, (100 * found.low, 100 * found.high) if found else None)
