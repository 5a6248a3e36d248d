"""YOLO segmentation: `images/SPLIT/`, `labels/SPLIT/NAME.txt` with a polygon a line, and `data.yaml`."""

import json
from collections.abc import Iterable
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
from atrous.labels.polygons import joined


def write_yolo(folder: Path, items: Iterable[LabelledImage], space: LabelSpace, *, tolerance: float) -> list[str]:
    """Write polygons in shares of width and height, the largest first; holes hang on bridges of no width.

    A first class that is the background is not written: it is what no polygon covers.

    Returns:
        A line about pixels without a class, which the format cannot hold: they become background.

    Raises:
        InputError: If a file cannot be written.
    """
    splits: dict[str, None] = {}
    lost, first = 0, drawn_classes(space).start
    for item in items:
        copy_image(item, folder / "images" / item.split)
        size = np.array(item.labels.shape[::-1], np.float64)
        lines = [
            " ".join([str(polygon.label - first), *(f"{value:.8g}" for value in (joined(polygon) / size).ravel())])
            for polygon in drawn_polygons(item, space, tolerance=tolerance)
        ]
        write_text(folder / "labels" / item.split / f"{item.name}.txt", "".join(f"{line}\n" for line in lines))
        splits[item.split] = None
        lost += ignored_pixels(item, space)
    names = [f"  {number}: {json.dumps(space.names[label])}" for number, label in enumerate(drawn_classes(space))]
    lines = ["path: .", *(f"{name}: images/{name}" for name in splits), "names:", *names, ""]
    write_text(folder / "data.yaml", "\n".join(lines))
    return [f"{lost} pixels without a class become background: YOLO has no value for them"] if lost else []
