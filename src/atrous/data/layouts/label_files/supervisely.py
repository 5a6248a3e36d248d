"""Supervisely: `meta.json` with the classes, `DATASET/img/a.jpg` and `DATASET/ann/a.jpg.json`."""

from pathlib import Path
from typing import Any

from atrous.data.annotations.outlines import Bitmap, Drawing, Outline, Polygon, rectangle, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import Drawn, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.errors import InputError
from atrous.labels import Color


def supervisely(tree: Tree) -> Contents | None:
    """Pictures and their objects; None where no annotation has Supervisely's fields."""
    drawn: list[Drawn] = []
    faults: list[tuple[str, str]] = []
    for path in tree.with_suffix(".json"):
        content = tree.json(path)
        if not _is_annotation(content):
            continue
        image = tree.find(path.stem, near=path.parent.parent, pictures=True)
        if image is None:
            faults.append(("no image", f"no image for {tree.root / path}; add it or move the file away"))
            continue
        try:
            drawn.append(Drawn(image, path, _drawing(content, path=tree.root / path), split_of_folders(path)))
        except (InputError, KeyError, TypeError, ValueError) as error:
            faults.append(("unreadable mask", f"{tree.root / path}: {error}"))
    names: dict[str, Color] = {}
    used: list[Path] = []
    for path in tree.named("meta.json"):
        content = tree.json(path)
        classes = content.get("classes") if isinstance(content, dict) else None
        for item in classes if isinstance(classes, list) else ():
            red, green, blue = bytes.fromhex(str(item.get("color", "#000000")).removeprefix("#").rjust(6, "0")[:6])
            names[str(item.get("title"))] = (red, green, blue)
        used.append(path)
    return drawn_contents(tree, "Supervisely", drawn, names=[*names], colors=names, used=used, faults=faults)


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
