"""COCO: `images/` and `annotations/instances_SPLIT.json`, as run lengths or as polygons."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from atrous.data.annotations.named_shapes import IGNORED
from atrous.data.writers.labelled_image import (
    LabelledImage,
    copy_image,
    drawn_classes,
    drawn_polygons,
    write_text,
)
from atrous.labels import LabelSpace
from atrous.labels.bridges import joined


class CocoWriter:
    """Writes one annotation per class and image as run lengths, or one per connected region as a polygon.

    A first class that is the background is not written: it is what no annotation covers. Pixels without a class are a
    category of their own, `__ignore__`, after the classes. Holes of polygons hang on bridges of no width.

    Args:
        folder: Folder of the data set.
        space: Names of the classes.
        tolerance: Largest distance in pixels of a removed corner of a polygon; None writes run lengths.
    """

    def __init__(self, folder: Path, space: LabelSpace, *, tolerance: float | None = None) -> None:
        self._folder, self._space, self._tolerance = folder, space, tolerance
        self._categories = {label: label + 1 for label in drawn_classes(space)} | {space.ignore: len(space) + 1}
        self._images: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._annotations: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._ignored = tolerance is None
        self._number = 0

    def add(self, item: LabelledImage) -> None:
        """Copy an image and note its annotations; raises InputError if it cannot be copied."""
        path = copy_image(item, self._folder / "images")
        height, width = item.labels.shape
        file_name = path.relative_to(self._folder / "images").as_posix()
        self._number += 1
        image = {"id": self._number, "file_name": file_name, "width": width, "height": height}
        self._images[item.split].append(image)
        entries = self._annotations[item.split]
        for label, region in self._regions(item):
            self._ignored |= label == self._space.ignore
            entry = {"id": len(entries) + 1, "image_id": self._number, "category_id": self._categories[label]}
            entries.append(entry | region)

    def finish(self) -> list[str]:
        """Write a JSON per split; nothing is lost. Raises InputError if one cannot be written."""
        names = {self._categories[label]: self._space.names[label] for label in drawn_classes(self._space)}
        if self._ignored:
            names[len(self._space) + 1] = IGNORED
        named = [{"id": category, "name": name} for category, name in names.items()]
        for split, images in self._images.items():
            content = {"images": images, "annotations": self._annotations[split], "categories": named}
            path = self._folder / "annotations" / f"instances_{split}.json"
            write_text(path, json.dumps(content, ensure_ascii=False))
        return []

    def _regions(self, item: LabelledImage) -> Iterator[tuple[int, dict[str, Any]]]:
        if self._tolerance is None:
            for label in np.unique(item.labels).tolist():
                if label in self._categories:
                    yield label, run_lengths(item.labels == label)
            return
        for polygon in drawn_polygons(item.labels, self._space, tolerance=self._tolerance, ignored=True):
            (left, top), (right, bottom) = polygon.outline.min(axis=0).tolist(), polygon.outline.max(axis=0).tolist()
            yield (
                polygon.label,
                {
                    "segmentation": [joined(polygon).ravel().tolist()],
                    "area": polygon.pixels,
                    "bbox": [left, top, right - left, bottom - top],
                    "iscrowd": 0,
                },
            )


def run_lengths(inside: Bool[np.ndarray, "h w"]) -> dict[str, Any]:
    """Segmentation, area and box of a region, as COCO writes crowds: runs down the columns, outside first."""
    column_wise = inside.T.ravel()
    changes = np.flatnonzero(np.diff(column_wise, prepend=False))
    counts = np.diff(changes, prepend=0, append=len(column_wise)).tolist()
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    left, top = int(columns[0]), int(rows[0])
    return {
        "segmentation": {"size": list(inside.shape), "counts": counts},
        "area": int(inside.sum()),
        "bbox": [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top],
        "iscrowd": 1,
    }
