"""LabelMe: `images/` with a JSON of polygons beside every image, and a list per split."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from atrous.data.writers.labelled_image import (
    LabelledImage,
    copy_image,
    drawn_classes,
    write_lists,
    write_text,
)
from atrous.labels import LabelSpace
from atrous.labels.polygons import joined, trace_polygons

IGNORED = "__ignore__"
"""Label of pixels without a class, as LabelMe's own converters name it."""


def write_labelme(folder: Path, items: Iterable[LabelledImage], space: LabelSpace, *, tolerance: float) -> list[str]:
    """Write polygons, the largest first, so that smaller ones are painted over them; nothing is lost.

    A first class that is the background is not written: it is what no shape covers.

    Raises:
        InputError: If a file cannot be written.
    """
    names: dict[str, list[str]] = defaultdict(list)
    for item in items:
        path = copy_image(item, folder / "images")
        content = labelme_content(item, space, image=path.name, tolerance=tolerance)
        write_text(path.with_suffix(".json"), json.dumps(content, ensure_ascii=False, indent=1))
        names[item.split].append(item.name)
    write_lists(folder, names)
    return []


def labelme_content(item: LabelledImage, space: LabelSpace, *, image: str, tolerance: float) -> dict[str, Any]:
    """The JSON of an image: its shapes, its file name and its size."""
    polygons = trace_polygons(item.labels, classes=[*drawn_classes(space), space.ignore], tolerance=tolerance)
    height, width = item.labels.shape
    return {
        "version": "5.2.0",
        "flags": {},
        "shapes": [
            {
                "label": IGNORED if polygon.label == space.ignore else space.names[polygon.label],
                "points": joined(polygon).tolist(),
                "group_id": None,
                "shape_type": "polygon",
                "flags": {},
            }
            for polygon in polygons
        ],
        "imagePath": image,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }
