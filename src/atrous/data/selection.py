"""Some samples of a data set: the first few, or some of them several times."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from atrous.data.dataset import DataSet
from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.labels import LabelSpace


@dataclass(frozen=True)
class Selection:
    """A data set that shows samples of another, in another order.

    Attributes:
        source: Where the samples come from.
        indices: Which ones; any of them may repeat.
        rule: The way in which they were chosen, in words.
    """

    source: DataSet
    indices: tuple[int, ...]
    rule: str

    @property
    def labels(self) -> LabelSpace:
        """The label space of every sample."""
        return self.source.labels

    @property
    def name(self) -> str:
        """The name of the data set in protocols."""
        return self.source.name

    @property
    def names(self) -> Sequence[str]:
        """The names of the samples, in order."""
        names = self.source.names
        return [names[index] for index in self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        """A sample of the source."""
        return self.source[self.indices[index]]

    def describe(self) -> dict[str, Any]:
        """The description of the source, with the number chosen and the rule."""
        about = self.source.describe()
        rule = f"{self.rule} of {about['split_rule']}" if about.get("split_rule") else self.rule
        return {**about, "images": len(self), "split_rule": rule}


def first_of(source: DataSet, count: int) -> Selection:
    """The first `count` samples, or all if there are fewer.

    Raises:
        InputError: If that is none.
    """
    if count < 1:
        raise InputError(f"{count} images of {source.name} are no data; choose at least 1")
    kept = min(count, len(source))
    return Selection(source, tuple(range(kept)), rule=f"the first {kept}")
