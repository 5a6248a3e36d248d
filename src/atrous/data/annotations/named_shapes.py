"""Label maps painted from shapes with class names.

A name is a class of the schema, or LabelMe's `__ignore__`. Pixels under no shape are the class `background`, or ignored
where no class is called so: then only what was drawn is known.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.regions import Region
from atrous.data.schema import SCHEMA_FILE, Schema, mask_dtype
from atrous.labels import LabelSpace
from atrous.sizes import Size

BACKGROUND = "background"
BACKGROUNDS = (BACKGROUND, "_background_", "__background__")
IGNORED = "__ignore__"
"""Name of pixels without a class, as LabelMe's own converters call it."""


@dataclass(frozen=True)
class Shape:
    """A named part of a picture."""

    name: str
    region: Region


def paint(shapes: Iterable[Shape], *, size: Size, schema: Schema) -> Integer[np.ndarray, "h w"]:
    """The label map of shapes, later ones over earlier ones.

    Args:
        shapes: The shapes, in the order in which they are painted.
        size: Height and width of the picture.
        schema: Classes by name.

    Raises:
        ValueError: If a name is no class.
    """
    labels = np.full(size, uncovered(schema), mask_dtype(schema.labels))
    for shape in shapes:
        shape.region.paint(labels, value=class_of(shape.name, schema=schema))
    return labels


def uncovered(schema: Schema) -> int:
    """The label of pixels under no shape."""
    names = schema.labels.names
    return next((names.index(name) for name in BACKGROUNDS if name in names), schema.labels.ignore)


def class_of(name: str, *, schema: Schema) -> int:
    """The label that a name stands for; raises ValueError where it is no class."""
    if name == IGNORED:
        return schema.labels.ignore
    if name in BACKGROUNDS:
        return uncovered(schema)
    if name not in schema.labels.names:
        raise ValueError(f"{name!r:.80} is not a class; add it to classes in {SCHEMA_FILE}, or correct the spelling")
    return schema.labels.names.index(name)


def proposed_labels(names: Iterable[str]) -> LabelSpace:
    """Background and the names that occur, in alphabetical order: what there is without a schema."""
    kept = sorted(set(names) - {*BACKGROUNDS, IGNORED})
    return LabelSpace(names=(BACKGROUND, *kept), ignore=255 if len(kept) < 255 else 65535)
