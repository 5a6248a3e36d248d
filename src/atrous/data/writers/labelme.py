"""LabelMe: `images/` with a JSON of polygons beside every image, and a list per split."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from atrous.data.annotations.named_shapes import IGNORED
from atrous.data.schema import SCHEMA_FILE, Schema, write_schema
from atrous.data.writers.labelled_image import LabelledImage, copy_image, drawn_polygons, write_lists, write_text
from atrous.labels import LabelSpace
from atrous.labels.bridges import joined
from atrous.labels.polygons import Polygon


class LabelmeWriter:
    """Writes polygons, the largest first, so that smaller ones are painted over them; holes hang on bridges.

    A first class that is the background is not written: it is what no shape covers. The files name only classes that
    occur, so `schema.toml` lists all of them.

    Args:
        folder: Folder of the data set.
        space: Names of the classes.
        tolerance: Largest distance in pixels of a removed corner of a polygon from the simplified line.
    """

    def __init__(self, folder: Path, space: LabelSpace, *, tolerance: float) -> None:
        self._folder, self._space, self._tolerance = folder, space, tolerance
        self._names: dict[str, list[str]] = defaultdict(list)

    def add(self, item: LabelledImage) -> None:
        """Write an image and its JSON; raises InputError if it cannot."""
        path = copy_image(item, self._folder / "images")
        write_text(path.with_suffix(".json"), _text(item, self._space, image=path.name, tolerance=self._tolerance))
        self._names[item.split].append(item.name)

    def finish(self) -> list[str]:
        """Write lists and classes; nothing is lost. Raises InputError if one cannot be written."""
        write_lists(self._folder, self._names)
        write_schema(self._folder / SCHEMA_FILE, Schema(self._space))
        return []


def _text(item: LabelledImage, space: LabelSpace, *, image: str, tolerance: float) -> str:
    """The JSON of an image: file name, size, and its shapes, one a line.

    Each shape is text before the next one is made: a mask of noise has hundreds of thousands, and as many lists of
    corners at once would take several times the memory and the time.
    """
    height, width = item.labels.shape
    head = {"version": "5.2.0", "flags": {}, "imagePath": image, "imageData": None}
    head |= {"imageHeight": height, "imageWidth": width}
    polygons = drawn_polygons(item.labels, space, tolerance=tolerance, ignored=True)
    shapes = ",\n".join(json.dumps(_shape(polygon, space), ensure_ascii=False) for polygon in polygons)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "shapes": [\n{shapes}\n]}}\n'


def _shape(polygon: Polygon, space: LabelSpace) -> dict[str, Any]:
    return {
        "label": IGNORED if polygon.label == space.ignore else space.names[polygon.label],
        "points": joined(polygon).tolist(),
        "group_id": None,
        "shape_type": "polygon",
        "flags": {},
    }
