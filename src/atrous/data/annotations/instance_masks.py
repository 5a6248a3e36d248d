"""Label maps from one picture per instance: a folder of masks for every image.

    masks/a/cat/1.png  masks/a/dog/1.png    the class is the folder
    masks/a/cat_1.png  masks/a/dog-2.png    the class is the name up to a number
    masks/a/5f2c....png                     any name, where the schema has one class besides background

A pixel that is not 0 belongs to the instance. Masks are painted in the natural order of their names, later ones over
earlier ones; what none covers is background; see `data/annotations/named_shapes.py`.
"""

import re
from collections.abc import Set
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.named_shapes import BACKGROUND, Shape, paint
from atrous.data.annotations.regions import Region
from atrous.data.formats.image_names import picture_paths
from atrous.data.formats.images import read_labels
from atrous.data.schema import Schema
from atrous.errors import InputError


def read_instances(folder: Path, *, schema: Schema) -> Integer[np.ndarray, "h w"]:
    """Class ids of the masks in a folder.

    Args:
        folder: The masks of one image.
        schema: Classes by name.

    Raises:
        InputError: If a mask cannot be read or has another size than the others, or its name is no class.
    """
    only = [name for name in schema.labels.names if name != BACKGROUND]
    shapes = []
    for path in picture_paths(folder):
        name = only[0] if len(only) == 1 else instance_name(path, folder=folder)
        shapes.append(Shape(name, Region(0, 0, read_labels(path) != 0)))
        if shapes[-1].region.inside.shape != shapes[0].region.inside.shape:
            raise InputError(f"{path} has another size than the other masks in {folder}; correct or remove it")
    try:
        return paint(shapes, size=shapes[0].region.inside.shape, schema=schema)
    except ValueError as error:
        raise InputError(f"{folder}: {error}") from error


def instance_names(folder: Path) -> Set[str]:
    """The classes that the masks in a folder name."""
    return {instance_name(path, folder=folder) for path in picture_paths(folder)}


def instance_name(path: Path, *, folder: Path) -> str:
    """The class of an instance, by its file's place or name."""
    relative = path.relative_to(folder)
    return relative.parts[0] if len(relative.parts) > 1 else re.sub(r"[ _-]*\d*$", "", path.stem) or path.stem
