"""A data set in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from atrous.data.sample import Sample
from atrous.labels import LabelSpace


@dataclass(frozen=True)
class MemoryData:
    """Samples as they are given."""

    labels: LabelSpace
    samples: tuple[Sample, ...]
    name: str = "memory"

    @property
    def names(self) -> Sequence[str]:
        return [sample.name for sample in self.samples]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    def describe(self) -> dict[str, Any]:
        return {"name": self.name, "split": "val", "images": len(self)}
