"""A data set made of image files and mask files, whatever layout named them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atrous.data.images import read_image, read_labels
from atrous.data.sample import Sample
from atrous.data.schema import Schema, apply_schema
from atrous.errors import InputError
from atrous.labels import LabelSpace


@dataclass(frozen=True)
class Pair:
    """One picture and its mask.

    Attributes:
        name: The sample's name.
        image: The picture.
        mask: The mask.
        sequence: The video that the picture is a frame of; empty where it stands alone.
    """

    name: str
    image: Path
    mask: Path
    sequence: str = ""


@dataclass(frozen=True)
class PairedFiles:
    """Pictures and masks on disk, read when asked for.

    Attributes:
        name: What the data set is called in protocols.
        split: Which part of it this is.
        rule: How that part was chosen, in words.
        licence: Under which terms the pictures may be used.
        schema: What the values in the masks mean.
        pairs: The files, in the order of the samples.
    """

    name: str
    split: str
    rule: str
    licence: str
    schema: Schema
    pairs: tuple[Pair, ...]

    @property
    def labels(self) -> LabelSpace:
        """The label space of every sample."""
        return self.schema.labels

    @property
    def names(self) -> Sequence[str]:
        """The names of the samples, in order."""
        return [pair.name for pair in self.pairs]

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample; raises InputError where a file is unreadable, a value stray, or the sizes differ."""
        pair = self.pairs[index]
        image, values = read_image(pair.image), read_labels(pair.mask)
        if values.shape != image.shape[:2]:
            raise InputError(
                f"{pair.mask} is {_size(values.shape)} but {pair.image} is {_size(image.shape)} "
                "(width x height, EXIF orientation applied); a mask must have the size of its picture"
            )
        labels = apply_schema(values, schema=self.schema, path=pair.mask)
        return Sample(name=pair.name, image=image, labels=labels, sequence=pair.sequence)

    def describe(self) -> dict[str, Any]:
        """What a protocol says about this data."""
        return {
            "name": self.name,
            "split": self.split,
            "split_rule": self.rule,
            "images": len(self),
            "licence": self.licence,
        }


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"
