"""V7's Darwin JSON: a file for each picture with `item` and `annotations` of polygons, ellipses, boxes and masks."""

from functools import partial
from pathlib import Path
from typing import Any

from atrous.data.annotations.outlines import Drawing, Ellipse, Outline, Polygon, rectangle, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree


def darwin(tree: Tree) -> Contents | None:
    """Pictures and the annotations of Darwin's files; None where there is none."""
    found = DrawnPictures(tree)
    for path in tree.with_suffix(".json"):
        content = tree.json(path)
        if not _is_darwin(content):
            continue
        item = content.get("item") or content.get("image")
        written = str(item.get("name") or item.get("filename"))
        image = tree.find(written, near=path, pictures=True)
        read = partial(_drawing, content, path=tree.root / path)
        found.add(image, path, read, written=written, split=split_of_folders(image or path))
    return drawn_contents(tree, "V7 Darwin", found.drawn, faults=found.faults)


def _is_darwin(content: Any) -> bool:
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        return False
    item = content.get("item") or content.get("image")
    return isinstance(item, dict) and ("name" in item or "filename" in item)


def _drawing(content: dict[str, Any], *, path: Path) -> Drawing:
    skipped: dict[str, int] = {}
    shapes: list[tuple[str, Outline]] = []
    for item in content["annotations"]:
        outline = _outline(item, path=path)
        if outline is None:
            kind = next((name for name in ("raster_layer", "mask", "line", "keypoint", "tag") if name in item), "other")
            skipped[kind] = skipped.get(kind, 0) + 1
        else:
            shapes.append((str(item["name"]), outline))
    slots = (content.get("item") or {}).get("slots") or [content.get("image") or {}]
    size = (int(slots[0]["height"]), int(slots[0]["width"])) if {"height", "width"} <= slots[0].keys() else None
    return Drawing(tuple(shapes), size, skipped or None)


def _outline(item: dict[str, Any], *, path: Path) -> Outline | None:
    if "polygon" in item:
        paths = item["polygon"].get("paths") or [item["polygon"]["path"], *item["polygon"].get("additional_paths", ())]
        return Polygon(tuple(ring([[point["x"], point["y"]] for point in one], path=path) for one in paths))
    if "ellipse" in item:
        center, radius = item["ellipse"]["center"], item["ellipse"]["radius"]
        turn = float(item["ellipse"].get("angle", 0)) * 180 / 3.141592653589793
        place, radii = (float(center["x"]), float(center["y"])), (float(radius["x"]), float(radius["y"]))
        return Ellipse(place, radii, turn=turn)
    if "bounding_box" in item:
        left, top, width, height = (float(item["bounding_box"][side]) for side in ("x", "y", "w", "h"))
        return rectangle(left, top, left + width, top + height)
    return None
