"""Reports read back from JSON for a comparison; the file is not trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int64

from atrous.data.formats.json_files import read_object
from atrous.errors import InputError
from atrous.evaluation.confusion import matrix_overlap
from atrous.evaluation.counts import ImageCounts, block_overlaps
from atrous.evaluation.protocol import Protocol
from atrous.plain import from_plain

_MAX_COUNT = 2**53
_REMEDY = "evaluate again with --json"


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix as it stands in the file.

    Attributes:
        pixels: A row per true class, a column per predicted one.
    """

    rows: Literal["truth"]
    columns: Literal["prediction"]
    pixels: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SavedReport:
    """The part of a report that a comparison needs.

    Attributes:
        protocol: Conditions under which it was measured.
        iou: IoU by class name, in the order of the class ids.
        confusion: Confusion matrix over all images.
        images: Pixel counts of each image; empty where they were not kept.

    Raises:
        InputError: If the counts contradict each other or the classes.
    """

    protocol: Protocol
    iou: Mapping[str, float | None]
    confusion: Confusion
    images: tuple[ImageCounts, ...] = ()

    def __post_init__(self) -> None:
        """Reject counts that no evaluation can have produced."""
        classes, rows = len(self.iou), self.confusion.pixels
        if not classes or [len(row) for row in rows] != [classes] * classes:
            raise InputError(f"confusion: not {classes} by {classes}")
        counts = [*rows]
        for image in self.images:
            counts += (image.both, image.truth, image.predicted)
            listed = set(image.classes)
            if {len(image.classes), *map(len, counts[-3:])} != {len(listed)} or not listed <= set(range(classes)):
                raise InputError(f"images: {image.name!r:.80}: not one count for each of its classes")
        if not all(0 <= count <= _MAX_COUNT for row in counts for count in row):
            raise InputError("a count of pixels is negative or beyond reason")
        if self.images and (self.overlaps.sum(axis=0) != matrix_overlap(self.matrix)).any():
            raise InputError("the counts of the images do not add up to the confusion matrix")

    @property
    def matrix(self) -> Int64[np.ndarray, "k k"]:
        """Pixels by `[true class, predicted class]`."""
        return np.array(self.confusion.pixels, np.int64)

    @property
    def overlaps(self) -> Int64[np.ndarray, "blocks 3 k"]:
        """Overlaps of the independent parts of the data set."""
        return block_overlaps(self.images, classes=len(self.iou))


def read_report(path: Path) -> SavedReport:
    """Read a file that `Report.write_json` wrote.

    Raises:
        InputError: If the file cannot be read, is not such a report, or contradicts itself.
    """
    content = read_object(path, remedy=_REMEDY)
    part = {field.name: content[field.name] for field in fields(SavedReport) if field.name in content}
    try:
        return from_plain(SavedReport, part, where="report")
    except InputError as error:
        raise InputError(f"{path}: {error}; {_REMEDY}") from error
