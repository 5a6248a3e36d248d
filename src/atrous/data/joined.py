"""Several data sets joined into one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from atrous.data.dataset import DataSet
from atrous.data.sample import Sample
from atrous.labels import LabelSpace


@dataclass(frozen=True)
class JoinedData:
    """The samples of several data sets of the same classes, one after the other."""

    parts: tuple[DataSet, ...]

    @property
    def labels(self) -> LabelSpace:
        """The label space of every sample."""
        return self.parts[0].labels

    @property
    def name(self) -> str:
        """The name of the data set in protocols."""
        return self.parts[0].name

    @property
    def names(self) -> Sequence[str]:
        """The names of the samples, in order."""
        return [name for part in self.parts for name in part.names]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def __getitem__(self, index: int) -> Sample:
        """Return a sample of the part that holds the index."""
        for part in self.parts:
            if index < len(part):
                return part[index]
            index -= len(part)
        raise IndexError(index)

    def describe(self) -> dict[str, Any]:
        """The part of a protocol that is about the data."""
        abouts = [part.describe() for part in self.parts]
        splits = "+".join(str(about.get("split")) for about in abouts)
        return {**abouts[0], "split": splits, "split_rule": "all pictures", "images": len(self)}
