"""Sums over what was examined."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from atrous.data.doctor.examine import OTHER, RGB, Examined
from atrous.labels import LabelSpace


@dataclass(frozen=True)
class Totals:
    """Pixels of a split.

    Attributes:
        counts: Pixels of each class.
        ignored: Pixels without a class.
        shown: Number of pictures in which each class occurs.
    """

    counts: Int64[np.ndarray, " k"]
    ignored: int
    shown: Int64[np.ndarray, " k"]

    @property
    def pixels(self) -> int:
        """All that were understood."""
        return int(self.counts.sum()) + self.ignored


def totals_of(examined: Iterable[Examined], *, space: LabelSpace) -> Totals:
    """The sums over some pairs; those whose masks cannot be understood are left out."""
    counts, shown, ignored = np.zeros(len(space), np.int64), np.zeros(len(space), np.int64), 0
    for one in examined:
        if one.mask is not None and one.mask.counts is not None:
            counts += one.mask.counts
            shown += one.mask.counts > 0
            ignored += one.mask.ignored
    return Totals(counts, ignored, shown)


def by_split(examined: Sequence[Examined], *, space: LabelSpace) -> Mapping[str, Totals]:
    """The sums of each split."""
    splits = dict.fromkeys(one.split for one in examined)
    return {split: totals_of((one for one in examined if one.split == split), space=space) for split in splits}


def is_training(split: str) -> bool:
    """Return True if a split is trained on, by its name: `train`, `trainval`, `train-0006R0` ..."""
    return split.startswith("train")


def training_counts(totals: Mapping[str, Totals]) -> Int64[np.ndarray, " k"] | None:
    """Pixels of each class to train on; None where no split for it was understood."""
    return _summed([total.counts for split, total in totals.items() if is_training(split) and total.pixels])


def scored_counts(totals: Mapping[str, Totals]) -> Int64[np.ndarray, " k"] | None:
    """Pixels of each class in the other splits; None where there are none."""
    return _summed([total.counts for split, total in totals.items() if not is_training(split) and total.counts.any()])


def _summed(counts: Sequence[Int64[np.ndarray, " k"]]) -> Int64[np.ndarray, " k"] | None:
    return np.sum(counts, axis=0) if counts else None


def value_histogram(examined: Iterable[Examined]) -> Mapping[str, int]:
    """Pixels by stored value: numbers in their order, colours by their frequency."""
    numbers, colors = Counter[int](), Counter[int]()
    for one in examined:
        if one.mask is not None and one.mask.storage != OTHER:
            (colors if one.mask.storage == RGB else numbers).update(one.mask.values)
    return {
        **{f"value {value}": numbers[value] for value in sorted(numbers)},
        **{f"#{color:06x}": count for color, count in colors.most_common()},
    }
