"""Polygons in Cityscapes' JSON, without label images: `gtFine/train/aachen/..._gtFine_polygons.json`.

Pixels under no polygon are ignored, as in Cityscapes. Where the polygons are those of Cityscapes itself, which draws
its own bonnet (`ego vehicle`), the classes are its 19; otherwise they are the names that occur.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from atrous.data.annotations.named_shapes import IGNORED
from atrous.data.annotations.outlines import Drawing, Outline, Polygon, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import split_of
from atrous.labels import CITYSCAPES

_ITS_OWN = frozenset({"ego vehicle", "rectification border", "out of roi"})
_ENDINGS = ("_polygons", "_gtFine", "_gtCoarse", "_gt")


def cityscapes_polygons(tree: Tree) -> Contents | None:
    """Pictures and their polygons; None where no JSON file has Cityscapes' fields."""
    found = DrawnPictures(tree)
    for path in tree.with_suffix(".json"):
        content = tree.json(path)
        if not _is_polygons(content):
            continue
        stem = path.stem
        for ending in _ENDINGS:
            stem = stem.removesuffix(ending)
        image = next(
            (file for name in (f"{stem}_leftImg8bit", stem) if (file := tree.find(name, near=path, pictures=True))),
            None,
        )
        split = split_of_folders(path) or split_of(path.stem)
        found.add(image, path, partial(_drawing, content, path=tree.root / path), split=split)
    names = {name for one in found.drawn for name, _ in one.drawing.shapes}
    official = bool(names & _ITS_OWN)
    kept = set(CITYSCAPES.names) if official else names
    drawn = [replace(one, drawing=_named(one.drawing, kept)) for one in found.drawn]
    notes = ["pixels under no polygon are ignored"]
    order, colors = (
        (CITYSCAPES.names, dict(zip(CITYSCAPES.names, CITYSCAPES.palette, strict=True))) if official else ((), {})
    )
    return drawn_contents(
        tree,
        "Cityscapes polygons",
        drawn,
        names=order,
        colors=colors,
        background=False,
        notes=notes,
        faults=found.faults,
    )


def _named(drawing: Drawing, kept: set[str]) -> Drawing:
    """The outlines, with those of no class ignored; a group counts as its members do."""
    return replace(drawing, shapes=tuple((name if name in kept else IGNORED, line) for name, line in drawing.shapes))


def _drawing(content: dict[str, Any], *, path: Path) -> Drawing:
    shapes: list[tuple[str, Outline]] = []
    for item in content["objects"]:
        if not isinstance(item, dict) or not isinstance(item.get("label"), str) or item.get("deleted") in (1, True):
            continue
        name = item["label"]
        shapes.append((name.removesuffix("group") or name, Polygon((ring(item.get("polygon"), path=path),))))
    return Drawing(tuple(shapes), (int(content["imgHeight"]), int(content["imgWidth"])))


def _is_polygons(content: Any) -> bool:
    return isinstance(content, dict) and "imgHeight" in content and isinstance(content.get("objects"), list)
