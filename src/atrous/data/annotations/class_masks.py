"""Label maps from masks that each show one class: what is not 0 belongs to it."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Integer

from atrous.data.annotations.color_masks import packed_colors
from atrous.data.annotations.masks import read_numbers_or_colors
from atrous.data.annotations.named_shapes import BACKGROUND, Shape, paint
from atrous.data.annotations.regions import Region
from atrous.data.formats.images import upright_size
from atrous.data.pairs import Pair
from atrous.data.schema import Schema
from atrous.errors import InputError

_SMOOTHED = 128
"""Largest value from which smaller ones may be smoothed edges."""


@dataclass(frozen=True)
class ClassMasks:
    """Paints the masks of every picture, later ones over earlier ones; what none covers is background.

    Attributes:
        parts: Picture -> its masks, each with the name of its class.
    """

    parts: Mapping[Path, tuple[tuple[str, Path], ...]]

    def __call__(self, pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
        """Class ids of a pair; where the schema has one class, and by no name of the masks, all are of that class.

        Raises:
            InputError: If a mask cannot be read or has another size than the others, or its class is unknown.
        """
        only = [name for name in schema.labels.names if name != BACKGROUND]
        renamed = len(only) == 1 and only[0] not in self._names
        shapes = [
            Shape(only[0] if renamed else name, Region(0, 0, covered(path))) for name, path in self.parts[pair.image]
        ]
        size = shapes[0].region.inside.shape if shapes else upright_size(pair.image)
        for shape, (_, path) in zip(shapes, self.parts[pair.image], strict=True):
            if shape.region.inside.shape != size:
                raise InputError(f"{path} has another size than the other masks of {pair.image}; correct or remove it")
        try:
            return paint(shapes, size=(size[0], size[1]), schema=schema)
        except ValueError as error:
            raise InputError(f"{pair.mask}: {error}") from error

    @cached_property
    def _names(self) -> Set[str]:
        return {name for some in self.parts.values() for name, _ in some}

    def names(self, pair: Pair) -> Set[str] | None:
        """The classes of the masks of a pair."""
        return {name for name, _ in self.parts[pair.image]}


def covered(path: Path) -> Bool[np.ndarray, "h w"]:
    """The pixels of a mask that are not 0; of one that reaches 128 those above half of its largest value.

    So smoothed edges are parted in their middle, and numbers of instances count whatever they are.

    Of a mask in one colour and black the largest channel counts.

    Raises:
        InputError: If it cannot be read, or holds several colours.
    """
    values = read_numbers_or_colors(path)
    if values.ndim == 3:
        if len(np.unique(packed_colors(values))) > 2:
            raise InputError(f"{path} has several colours; a mask of one class has one, and black")
        values = values.max(axis=2)
    return values > (values.max() // 2 if values.max() >= _SMOOTHED else 0)
