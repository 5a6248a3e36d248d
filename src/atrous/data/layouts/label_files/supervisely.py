"""Supervisely: `meta.json` with the classes, `DATASET/img/a.jpg` and `DATASET/ann/a.jpg.json`."""

from functools import partial
from pathlib import Path
from typing import Any

from atrous.data.annotations.outlines import Bitmap, Drawing, Outline, Polygon, rectangle, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, hex_color, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.labels import Color


def supervisely(tree: Tree) -> Contents | None:
    """Pictures and their objects; None where no annotation has Supervisely's fields."""
    found = DrawnPictures(tree)
    for path in tree.with_suffix(".json"):
        content = tree.json(path)
        if not _is_annotation(content):
            continue
        image = tree.find(path.stem, near=path.parent.parent, pictures=True)
        found.add(image, path, partial(_drawing, content, path=tree.root / path), split=split_of_folders(path))
    names: dict[str, Color] = {}
    used: list[Path] = []
    for path in tree.named("meta.json"):
        content = tree.json(path)
        classes = content.get("classes") if isinstance(content, dict) else None
        for item in classes if isinstance(classes, list) else ():
            if isinstance(item, dict):
                names[str(item.get("title"))] = hex_color(item.get("color"))
        used.append(path)
    return drawn_contents(
        tree, "Supervisely", found.drawn, names=[*names], colors=names, used=used, faults=found.faults
    )


def _drawing(content: dict[str, Any], *, path: Path) -> Drawing:
    size = int(content["size"]["height"]), int(content["size"]["width"])
    shapes: list[tuple[str, Outline]] = []
    skipped: dict[str, int] = {}
    for item in content["objects"]:
        outline = _outline(item, path=path)
        if outline is None:
            kind = str(item.get("geometryType"))
            skipped[kind] = skipped.get(kind, 0) + 1
        else:
            shapes.append((str(item["classTitle"]), outline))
    return Drawing(tuple(shapes), size, skipped or None)


def _outline(item: dict[str, Any], *, path: Path) -> Outline | None:
    match item.get("geometryType"):
        case "polygon":
            rings = (item["points"]["exterior"], *item["points"].get("interior", ()))
            return Polygon(tuple(ring(points, path=path) for points in rings))
        case "rectangle":
            (left, top), (right, bottom) = item["points"]["exterior"]
            return rectangle(float(left), float(top), float(right), float(bottom))
        case "bitmap":
            column, row = item["bitmap"]["origin"]
            return Bitmap(str(item["bitmap"]["data"]), (int(column), int(row)), packed=True)
    return None


def _is_annotation(content: Any) -> bool:
    return (
        isinstance(content, dict) and isinstance(content.get("objects"), list) and isinstance(content.get("size"), dict)
    )
