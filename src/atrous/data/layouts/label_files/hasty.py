"""Hasty's JSON: `label_classes` with colours, and `images` with polygons or run lengths within boxes."""

from functools import partial
from pathlib import Path
from typing import Any

from atrous.data.annotations.outlines import Drawing, Outline, Polygon, WindowRuns, rectangle, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, hex_color, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.labels import Color


def hasty(tree: Tree) -> Contents | None:
    """Pictures and the labels of Hasty's JSON; None where there is none."""
    found = DrawnPictures(tree)
    names: dict[str, Color] = {}
    used: list[Path] = []
    for path in tree.with_suffix(".json"):
        content = tree.json(path)
        if not (isinstance(content, dict) and "label_classes" in content and isinstance(content.get("images"), list)):
            continue
        used.append(path)
        for item in content["label_classes"] if isinstance(content["label_classes"], list) else ():
            if isinstance(item, dict) and item.get("class_name"):
                names[str(item["class_name"])] = hex_color(str(item.get("color"))[:7])
        for item in filter(lambda one: isinstance(one, dict), content["images"]):
            written = str(item.get("image_name"))
            image = tree.find(f"{item.get('dataset_name', '')}/{written}", near=path, pictures=True)
            read = partial(_drawing, item, path=tree.root / path)
            found.add(image, path, read, written=written, split=split_of_folders(image or path))
    return drawn_contents(tree, "Hasty", found.drawn, names=[*names], colors=names, used=used, faults=found.faults)


def _drawing(item: dict[str, Any], *, path: Path) -> Drawing:
    """The labels by their `z_index`, among equals in the order of the file."""
    labels = sorted(item["labels"], key=lambda one: float(one.get("z_index") or 0))
    shapes = [(str(one["class_name"]), _outline(one, path=path)) for one in labels]
    return Drawing(tuple(shapes), (int(item["height"]), int(item["width"])))


def _outline(item: dict[str, Any], *, path: Path) -> Outline:
    left, top, right, bottom = (float(value) for value in item["bbox"])
    if item.get("polygon"):
        return Polygon((ring(item["polygon"], path=path),))
    if item.get("mask"):
        window = (int(left), int(top), int(right) - int(left), int(bottom) - int(top))
        return WindowRuns(tuple(map(int, item["mask"])), window)
    return rectangle(left, top, right, bottom)
