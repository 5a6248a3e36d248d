"""A labelled image on its way into another format, and helpers that all writers share."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from atrous.files import atomic_path
from atrous.labels import LabelSpace
from atrous.labels.polygons import Polygon, trace_polygons

_BACKGROUND = frozenset({"background", "_background_", "__background__", "bg"})


@dataclass(frozen=True)
class LabelledImage:
    """An image file and the class ids of its pixels.

    Attributes:
        name: Path without suffix; it may have folders.
        split: Name of its split.
        image: The file.
        labels: Class ids and the ignore value.
    """

    name: str
    split: str
    image: Path
    labels: Integer[np.ndarray, "h w"]


def copy_image(item: LabelledImage, folder: Path) -> Path:
    """Copy the file below a folder under the image's name; returns the new path, raises InputError if it cannot."""
    target = folder / f"{item.name}{item.image.suffix}"
    with atomic_path(target) as temporary:
        shutil.copyfile(item.image, temporary)
    return target


def write_text(path: Path, text: str) -> None:
    """Write a file as UTF-8; raises InputError if it cannot be written."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_lists(folder: Path, names: dict[str, list[str]]) -> None:
    """Write `NAME.txt` for every split, one image name a line."""
    for split, listed in names.items():
        write_text(folder / f"{split}.txt", "".join(f"{name}\n" for name in listed))


def drawn_classes(space: LabelSpace) -> range:
    """Class ids that annotation tools draw: all, but for a first class that is the background."""
    return range(1 if len(space) > 1 and space.names[0].strip().lower() in _BACKGROUND else 0, len(space))


def drawn_polygons(item: LabelledImage, space: LabelSpace, *, tolerance: float) -> list[Polygon]:
    """Polygons of the classes that are drawn, the largest first."""
    return trace_polygons(item.labels, classes=drawn_classes(space), tolerance=tolerance)


def ignored_pixels(item: LabelledImage, space: LabelSpace) -> int:
    """Number of pixels without a class."""
    return int((item.labels == space.ignore).sum())
