"""Decoded samples kept in memory, so that training does not decode the same files again and again."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from atrous.data.dataset import DataSet
from atrous.data.sample import Sample
from atrous.labels import LabelSpace

CACHE_BYTES = 2 * 2**30
"""Most memory that decoded samples may take: 2 GiB, 3100 frames of 480x360 with their labels."""


class CachedDataSet:
    """A data set whose first samples, as many as fit, are decoded once at construction.

    Everything is in memory before any worker is forked, so all workers share one copy. The arrays are read-only.
    """

    def __init__(self, source: DataSet, *, limit: int = CACHE_BYTES) -> None:
        self.source = source
        self._kept: list[Sample] = []
        room, largest, step = limit, 1, 1
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            while (start := len(self._kept)) < len(source):
                for sample in pool.map(source.__getitem__, range(start, min(start + step, len(source)))):
                    size = _frozen_bytes(sample)
                    room, largest = room - size, max(largest, size)
                    if room < 0:
                        return
                    self._kept.append(sample)
                # What is decoded at the same time may not go far beyond the limit, either.
                step = max(1, min(4 * (os.cpu_count() or 1), room // largest))

    @property
    def labels(self) -> LabelSpace:
        """Names, colours and ignore value of the class ids of every sample."""
        return self.source.labels

    @property
    def name(self) -> str:
        """Name of the data set in protocols."""
        return self.source.name

    @property
    def names(self) -> Sequence[str]:
        """The names of the samples, in order."""
        return self.source.names

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> Sample:
        """From memory, or from the files where memory did not reach."""
        return self._kept[index] if 0 <= index < len(self._kept) else self.source[index]

    def describe(self) -> dict[str, Any]:
        """Description of the data for a protocol."""
        return self.source.describe()


def _frozen_bytes(sample: Sample) -> int:
    arrays = [sample.image] if sample.labels is None else [sample.image, sample.labels]
    for array in arrays:
        array.flags.writeable = False
    return sum(array.nbytes for array in arrays)
