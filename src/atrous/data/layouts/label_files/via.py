"""VIA, the VGG image annotator: one JSON of regions for all pictures, as a project or as an export, or a CSV."""

import json
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from atrous.data.annotations.outlines import Drawing, Ellipse, Outline, Polygon, rectangle, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.rows import table_rows
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import split_of
from atrous.errors import InputError

_COLUMNS = ("region_shape_attributes", "region_attributes")
_NAMES = ("class", "label", "name", "type", "category", "object")


def via(tree: Tree) -> Contents | None:
    """Pictures and their regions; None where no JSON or CSV has VIA's fields."""
    found = DrawnPictures(tree)
    used: list[Path] = []
    files = chain(
        ((path, _pictures(tree.json(path))) for path in tree.with_suffix(".json")),
        ((path, _of_rows(tree, path)) for path in tree.with_suffix(".csv")),
    )
    for path, pictures in files:
        for item in pictures:
            used.append(path)
            written = str(item["filename"])
            image = tree.find(written, near=path, pictures=True)
            split = split_of_folders(image or path) or split_of(path.stem)
            found.add(image, path, partial(_drawing, item, path=tree.root / path), written=written, split=split)
    return drawn_contents(tree, "VIA", found.drawn, used=used, faults=found.faults)


def _pictures(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict):
        content = content.get("_via_img_metadata", content)
    for item in content.values() if isinstance(content, dict) else ():
        if isinstance(item, dict) and "filename" in item and isinstance(item.get("regions"), list | dict):
            yield item


def _of_rows(tree: Tree, path: Path) -> Iterator[dict[str, Any]]:
    """The pictures of a CSV with a row for each region, in the form of the JSON."""
    pictures: dict[str, list[dict[str, Any]]] = {}
    for number, row in table_rows(tree, path):
        if not {"filename", *_COLUMNS} <= row.keys():
            return
        regions = pictures.setdefault(str(row["filename"]), [])
        try:
            shape, attributes = (json.loads(row[column] or "{}") for column in _COLUMNS)
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(f"{tree.root / path} line {number}: a region that is not JSON; export it again") from error
        if shape:  # a picture without regions has a row with an empty one
            regions.append({"shape_attributes": shape, "region_attributes": attributes})
    yield from ({"filename": name, "regions": regions} for name, regions in pictures.items())


def _drawing(item: dict[str, Any], *, path: Path) -> Drawing:
    regions = item["regions"]
    shapes: list[tuple[str, Outline]] = []
    skipped: dict[str, int] = {}
    for region in regions.values() if isinstance(regions, dict) else regions:
        shape = region["shape_attributes"]
        outline = _outline(shape, path=path)
        if outline is None:
            kind = str(shape.get("name"))
            skipped[kind] = skipped.get(kind, 0) + 1
        else:
            shapes.append((_name(region.get("region_attributes", {})), outline))
    return Drawing(tuple(shapes), skipped=skipped or None)


def _name(attributes: dict[str, Any]) -> str:
    """The attribute that names the class, or the only one; a check box gives the name of what is checked."""
    key = next((key for key in attributes if key.lower() in _NAMES), next(iter(attributes), ""))
    value = attributes.get(key, "foreground")
    if isinstance(value, dict):
        value = next((name for name, checked in value.items() if checked), "foreground")
    return str(value).strip() or "foreground"


def _outline(shape: dict[str, Any], *, path: Path) -> Outline | None:
    match shape.get("name"):
        case "polygon":
            return Polygon(
                (ring(np.stack([shape["all_points_x"], shape["all_points_y"]], axis=1).tolist(), path=path),)
            )
        case "rect":
            left, top, width, height = (float(shape[key]) for key in ("x", "y", "width", "height"))
            return rectangle(left, top, left + width, top + height)
        case "circle":
            return Ellipse((float(shape["cx"]), float(shape["cy"])), (float(shape["r"]), float(shape["r"])))
        case "ellipse":
            center, radii = (float(shape["cx"]), float(shape["cy"])), (float(shape["rx"]), float(shape["ry"]))
            return Ellipse(center, radii, turn=float(np.degrees(float(shape.get("theta", 0)))))
    return None
