"""Datumaro's JSON, of CVAT too: `categories.label.labels` and `items` with polygons, masks, ellipses and boxes."""

from functools import partial
from pathlib import Path
from typing import Any

from atrous.data.annotations.outlines import Drawing, Ellipse, Outline, Polygon, Runs, rectangle, ring
from atrous.data.annotations.regions import decode_runs
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import split_of


def datumaro(tree: Tree) -> Contents | None:
    """Pictures and the annotations of Datumaro's JSON; None where there is none."""
    found = DrawnPictures(tree)
    names: list[str] = []
    used: list[Path] = []
    for path in tree.with_suffix(".json"):
        content = tree.json(path)
        if not (isinstance(content, dict) and isinstance(content.get("items"), list) and "categories" in content):
            continue
        used.append(path)
        labels = _labels(content)
        names += labels
        for item in filter(lambda one: isinstance(one, dict), content["items"]):
            picture = item.get("image")
            written = str((picture.get("path") if isinstance(picture, dict) else None) or item.get("id"))
            image = tree.find(written, near=path, pictures=True)
            split = split_of(path.stem) or split_of_folders(image or path)
            read = partial(_drawing, item, labels, path=tree.root / path)
            found.add(image, path, read, written=written, split=split)
    return drawn_contents(tree, "Datumaro", found.drawn, names=names, used=used, faults=found.faults)


def _labels(content: dict[str, Any]) -> list[str]:
    table = content["categories"]
    labels = table.get("label", {}).get("labels") if isinstance(table, dict) else None
    return [str(item.get("name")) for item in labels or () if isinstance(item, dict)]


def _drawing(item: dict[str, Any], labels: list[str], *, path: Path) -> Drawing:
    """The annotations by their `z_order`, among equals in the order of the file."""
    skipped: dict[str, int] = {}
    shapes: list[tuple[str, Outline]] = []
    for one in sorted(item["annotations"], key=lambda one: int(one.get("z_order", 0))):
        outline = _outline(one, path=path)
        if outline is None:
            kind = str(one.get("type"))
            skipped[kind] = skipped.get(kind, 0) + 1
        else:
            shapes.append((labels[int(one["label_id"])], outline))
    size = item["image"].get("size") if isinstance(item.get("image"), dict) else None
    return Drawing(tuple(shapes), (int(size[0]), int(size[1])) if size else None, skipped or None)


def _outline(item: dict[str, Any], *, path: Path) -> Outline | None:
    match item.get("type"):
        case "polygon":
            return Polygon((ring(item["points"], path=path),))
        case "mask":
            counts = item["rle"]["counts"]
            return Runs(tuple(decode_runs(counts) if isinstance(counts, str) else map(int, counts)))
        case "bbox":
            left, top, width, height = map(float, item["bbox"])
            return rectangle(left, top, left + width, top + height)
        case "ellipse":
            left, top, right, bottom = map(float, item["points"])
            return Ellipse(((left + right) / 2, (top + bottom) / 2), ((right - left) / 2, (bottom - top) / 2))
    return None
