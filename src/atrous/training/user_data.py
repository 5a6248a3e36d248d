"""Data sets from Python objects: any sequence of samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from atrous.data.dataset import DataSet
from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.labels import LabelSpace


@dataclass(frozen=True)
class SequenceData:
    """A sequence of samples as a data set.

    Attributes:
        items: `Sample`s, or pairs of an image (uint8 `[h, w, c]`, 0..255) and a label map (integers `[h, w]`).
        labels: Names of the classes and the ignore value.
        name: Name of the data set in protocols.
        split: Name of the split in protocols.
    """

    items: Sequence[Any]
    labels: LabelSpace
    name: str = "samples"
    split: str = "all"

    @property
    def names(self) -> Sequence[str]:
        """The names of the samples, in order."""
        return [
            item.name if isinstance(item, Sample) else f"sample {index}"
            for index, item in ((index, self.items[index]) for index in range(len(self)))
        ]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Sample:
        """Return a sample; raises InputError if it is of another kind, size or number type."""
        item = self.items[index]
        name, sequence = f"sample {index}", ""
        if isinstance(item, Sample):
            name, sequence, image, labels = item.name, item.sequence, item.image, item.labels
        elif isinstance(item, tuple | list) and len(item) == 2:
            image, labels = item
        else:
            raise InputError(
                f"sample {index} is a {type(item).__name__}; give atrous.Sample objects or (image, labels) pairs"
            )
        # Copies, because a cache makes its arrays read-only.
        image, labels = np.array(image), None if labels is None else np.array(labels)
        _check(name, image, labels, space=self.labels)
        return Sample(name, image, labels, sequence)

    def describe(self) -> dict[str, Any]:
        """The part of a protocol that is about the data."""
        return {"name": self.name, "split": self.split, "split_rule": "as given", "images": len(self)}


def as_data_set(data: Any, *, classes: Sequence[str] | LabelSpace | None = None) -> DataSet:
    """Return `data` as a data set.

    Args:
        data: A data set, or a sequence of samples or of (image, labels) pairs.
        classes: Names of the classes of a plain sequence, or its label space; by default `class 0`, `class 1` ... up to
            the largest label in it, with 255 as ignore value.

    Raises:
        InputError: If `data` is neither, is empty, or holds no labels.
    """
    if isinstance(data, DataSet):
        return data
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")) or isinstance(data, str | bytes | dict):
        raise InputError(f"data is a {type(data).__name__}; give a folder, a data set, or a sequence of samples")
    if not len(data):
        raise InputError("the sequence of samples is empty; give at least one")
    if isinstance(classes, LabelSpace):
        space = classes
    elif classes is not None:
        space = LabelSpace(tuple(classes))
    else:
        space = LabelSpace.unnamed(_largest_label(data) + 1)
    return SequenceData(data, space)


def _largest_label(data: Sequence[Any]) -> int:
    largest = -1
    for index in range(len(data)):
        item = data[index]
        labels = item.labels if isinstance(item, Sample) else item[1] if isinstance(item, tuple | list) else None
        if labels is not None:
            values = np.asarray(labels)
            labelled = values[values != 255]  # perhaps of unsigned bytes, which hold no -1
            largest = max(largest, int(labelled.max()) if labelled.size else -1)
    if largest < 0:
        raise InputError("no sample has a labelled pixel; give labels of 0..n-1, 255 for ignored pixels")
    return largest


def _check(name: str, image: np.ndarray, labels: np.ndarray | None, *, space: LabelSpace) -> None:
    if image.dtype != np.uint8 or image.ndim != 3:
        raise InputError(f"{name}: image is {image.dtype} {list(image.shape)}; give uint8 [height, width, channels]")
    if labels is None:
        return
    if labels.shape != image.shape[:2] or labels.dtype.kind not in "iu":
        raise InputError(
            f"{name}: labels are {labels.dtype} {list(labels.shape)}; give integers {list(image.shape[:2])}"
        )
    strangers = np.setdiff1d(labels, [*range(len(space)), space.ignore])
    if strangers.size:
        raise InputError(f"{name} has label {strangers[0]}; classes are 0..{len(space) - 1}, ignore {space.ignore}")
