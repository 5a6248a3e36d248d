"""A labelled image on its way into another format, and helpers that all writers share."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Integer

from atrous.files import atomic_path
from atrous.labels import LabelSpace
from atrous.labels.polygons import Polygon, trace_polygons

MOST_CHANGE = 0.01
"""Largest share of a region's pixels that simplified polygons may add or remove."""

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


@runtime_checkable
class DataSetWriter(Protocol):
    """A writer of a data set in one format, image by image."""

    def add(self, item: LabelledImage) -> None:
        """Write what belongs to one image; raises InputError if a file cannot be written."""
        ...

    def finish(self) -> list[str]:
        """Write what belongs to all images; returns a line about each thing that the format cannot hold."""
        ...


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


def write_lists(folder: Path, names: Mapping[str, Iterable[str]]) -> None:
    """Write `NAME.txt` for every split, one image name a line."""
    for split, listed in names.items():
        write_text(folder / f"{split}.txt", "".join(f"{name}\n" for name in listed))


def drawn_classes(space: LabelSpace) -> range:
    """Class ids that annotation tools draw: all, but for a first class that is the background."""
    return range(1 if len(space) > 1 and space.names[0].strip().lower() in _BACKGROUND else 0, len(space))


def drawn_polygons(
    labels: Integer[np.ndarray, "h w"], space: LabelSpace, *, tolerance: float, ignored: bool = False
) -> list[Polygon]:
    """Polygons of the classes that are drawn, the largest first.

    Args:
        labels: Class ids and the ignore value.
        space: Names of the classes.
        tolerance: Largest distance in pixels of a removed corner from the simplified line; regions of which that would
            change more than `MOST_CHANGE` are simplified less.
        ignored: If true, pixels without a class have polygons, too.
    """
    classes = [*drawn_classes(space), *([space.ignore] if ignored else [])]
    return trace_polygons(labels, classes=classes, tolerance=tolerance, most_change=MOST_CHANGE)


def ignored_pixels(item: LabelledImage, space: LabelSpace) -> int:
    """Number of pixels without a class."""
    return int((item.labels == space.ignore).sum())
