"""YOLO segmentation: `images/SPLIT/`, `labels/SPLIT/NAME.txt` with a polygon a line, and `data.yaml`."""

import json
from pathlib import Path

import numpy as np

from atrous.data.writers.labelled_image import (
    LabelledImage,
    copy_image,
    drawn_classes,
    drawn_polygons,
    ignored_pixels,
    write_text,
)
from atrous.labels import LabelSpace
from atrous.labels.bridges import joined
from atrous.labels.polygons import Polygon


class YoloWriter:
    """Writes polygons in shares of width and height, the largest first; holes hang on bridges of no width.

    A first class that is the background is not written: it is what no polygon covers.

    Args:
        folder: Folder of the data set.
        space: Names of the classes.
        tolerance: Largest distance in pixels of a removed corner of a polygon from the simplified line.
    """

    def __init__(self, folder: Path, space: LabelSpace, *, tolerance: float) -> None:
        self._folder, self._space, self._tolerance = folder, space, tolerance
        self._splits: dict[str, None] = {}
        self._lost = 0

    def add(self, item: LabelledImage) -> None:
        """Write an image and its lines; raises InputError if it cannot."""
        copy_image(item, self._folder / "images" / item.split)
        first = drawn_classes(self._space).start
        across, down = (_shares(pixels) for pixels in item.labels.shape[::-1])
        lines = [
            " ".join([str(polygon.label - first), *(f"{across[x]} {down[y]}" for x, y in _corners(polygon))])
            for polygon in drawn_polygons(item.labels, self._space, tolerance=self._tolerance)
        ]
        path = self._folder / "labels" / item.split / f"{item.name}.txt"
        write_text(path, "".join(f"{line}\n" for line in lines))
        self._splits[item.split] = None
        self._lost += ignored_pixels(item, self._space)

    def finish(self) -> list[str]:
        """Write `data.yaml`; raises InputError if it cannot.

        Returns:
            A line about pixels without a class, which the format cannot hold: they become background.
        """
        drawn = drawn_classes(self._space)
        names = [f"  {number}: {json.dumps(self._space.names[label])}" for number, label in enumerate(drawn)]
        lines = ["path: .", *(f"{name}: images/{name}" for name in self._splits), "names:", *names, ""]
        write_text(self._folder / "data.yaml", "\n".join(lines))
        if not self._lost:
            return []
        return [f"{self._lost} pixels without a class become background: YOLO has no value for them"]


def _shares(pixels: int) -> list[str]:
    """The text of every whole coordinate of a side, as a share of its length."""
    return [f"{place / pixels:.8g}" for place in range(pixels + 1)]


def _corners(polygon: Polygon) -> list[list[int]]:
    """Corners (x, y) of a polygon and its holes as one line; outlines run along pixels, so they are whole numbers."""
    return joined(polygon).astype(np.int64).tolist()
