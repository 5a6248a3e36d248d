"""Encord's JSON: a list of pictures with `data_units`, whose polygons and boxes are shares of the size."""

from functools import partial
from pathlib import Path
from typing import Any

from atrous.data.annotations.outlines import Drawing, Outline, Polygon, rectangle, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree


def encord(tree: Tree) -> Contents | None:
    """Pictures and the objects of Encord's JSON; None where there is none."""
    found = DrawnPictures(tree)
    used: list[Path] = []
    for path in tree.with_suffix(".json"):
        content = tree.json(path)
        rows = content if isinstance(content, list) else [content]
        units = [unit for row in rows if isinstance(row, dict) for unit in _units(row)]
        used += [path] * bool(units)
        for unit in units:
            written = str(unit.get("data_title"))
            image = tree.find(written, near=path, pictures=True)
            read = partial(_drawing, unit, path=tree.root / path)
            found.add(image, path, read, written=written, split=split_of_folders(image or path))
    return drawn_contents(tree, "Encord", found.drawn, used=used, faults=found.faults)


def _units(row: dict[str, Any]) -> list[dict[str, Any]]:
    units = row.get("data_units")
    return [unit for unit in units.values() if isinstance(unit, dict)] if isinstance(units, dict) else []


def _drawing(unit: dict[str, Any], *, path: Path) -> Drawing:
    shapes: list[tuple[str, Outline]] = []
    skipped: dict[str, int] = {}
    for item in unit["labels"]["objects"]:
        outline = _outline(item, path=path)
        if outline is None:
            kind = str(item.get("shape"))
            skipped[kind] = skipped.get(kind, 0) + 1
        else:
            shapes.append((str(item["name"]), outline))
    known = (int(unit["height"]), int(unit["width"])) if {"height", "width"} <= unit.keys() else None
    return Drawing(tuple(shapes), known, skipped or None)


def _outline(item: dict[str, Any], *, path: Path) -> Outline | None:
    if item.get("shape") == "polygon":
        points = [item["polygon"][key] for key in sorted(item["polygon"], key=int)]
        return Polygon((ring([[point["x"], point["y"]] for point in points], path=path),), scale=1.0)
    if item.get("shape") == "bounding_box":
        left, top, width, height = (float(item["boundingBox"][side]) for side in ("x", "y", "w", "h"))
        return rectangle(left, top, left + width, top + height, scale=1.0)
    return None
