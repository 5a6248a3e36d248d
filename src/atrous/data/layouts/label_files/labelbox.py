"""Labelbox's export of NDJSON: one line for each picture, with polygons, boxes and masks that are drawn elsewhere."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from atrous.data.annotations.outlines import Drawing, Outline, Polygon, rectangle, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree

_LONGEST = 2**28


def labelbox(tree: Tree) -> Contents | None:
    """Pictures and the objects of Labelbox's lines; None where there are none."""
    found = DrawnPictures(tree)
    used: list[Path] = []
    for path in tree.with_suffix(".ndjson", ".jsonl", ".json"):
        rows = [row for row in _rows(tree, path) if isinstance(row, dict) and "data_row" in row and "projects" in row]
        used += [path] * bool(rows)
        for row in rows:
            written = str(row["data_row"].get("external_id") or row["data_row"].get("global_key"))
            image = tree.find(written, near=path, pictures=True)
            read = partial(_drawing, row, path=tree.root / path)
            found.add(image, path, read, written=written, split=split_of_folders(image or path))
    return drawn_contents(tree, "Labelbox", found.drawn, used=used, faults=found.faults)


def _rows(tree: Tree, path: Path) -> Iterator[Any]:
    if path.suffix.lower() == ".json":
        content = tree.json(path)
        yield from content if isinstance(content, list) else ()
        return
    try:
        if (tree.root / path).stat().st_size <= _LONGEST:
            lines = (tree.root / path).read_text(encoding="utf-8-sig").split("\n")
            yield from [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError, RecursionError):
        return


def _drawing(row: dict[str, Any], *, path: Path) -> Drawing:
    """The objects of the first label of every project."""
    shapes: list[tuple[str, Outline]] = []
    skipped: dict[str, int] = {}
    for project in row["projects"].values():
        for item in [one for label in project["labels"][:1] for one in label["annotations"]["objects"]]:
            if "polygon" in item:
                corners = [[point["x"], point["y"]] for point in item["polygon"]]
                shapes.append((str(item["name"]), Polygon((ring(corners, path=path),))))
            elif "bounding_box" in item:
                box = {side: float(item["bounding_box"][side]) for side in ("left", "top", "width", "height")}
                right, bottom = box["left"] + box["width"], box["top"] + box["height"]
                shapes.append((str(item["name"]), rectangle(box["left"], box["top"], right, bottom)))
            else:
                kind = f"{item.get('annotation_kind')} (masks lie on Labelbox's server: export them as PNG masks)"
                skipped[kind] = skipped.get(kind, 0) + 1
    size = row.get("media_attributes") or {}
    known = (int(size["height"]), int(size["width"])) if {"height", "width"} <= size.keys() else None
    return Drawing(tuple(shapes), known, skipped or None)
