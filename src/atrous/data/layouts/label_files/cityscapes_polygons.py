"""Polygons in Cityscapes' JSON, without label images: `gtFine/train/aachen/..._gtFine_polygons.json`.

Pixels under no polygon are ignored, as in Cityscapes. Where the polygons are those of Cityscapes itself, which draws
its own bonnet (`ego vehicle`), the classes are its 19; otherwise they are the names that occur.
"""

from pathlib import Path
from typing import Any

from atrous.data.annotations.outlines import Drawing, Outline, Polygon, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import Drawn, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import split_of
from atrous.errors import InputError
from atrous.labels import CITYSCAPES

_ITS_OWN = frozenset({"ego vehicle", "rectification border", "out of roi"})
_ENDINGS = ("_polygons", "_gtFine", "_gtCoarse", "_gt")


def cityscapes_polygons(tree: Tree) -> Contents | None:
    """Pictures and their polygons; None where no JSON file has Cityscapes' fields."""
    drawn: list[tuple[Path, Path, list[tuple[str, Outline]], tuple[int, int]]] = []
    faults: list[tuple[str, str]] = []
    for path in tree.with_suffix(".json"):
        content = tree.json(path)
        if not _is_polygons(content):
            continue
        stem = path.stem
        for ending in _ENDINGS:
            stem = stem.removesuffix(ending)
        image = next(
            (found for name in (f"{stem}_leftImg8bit", stem) if (found := tree.find(name, near=path, pictures=True))),
            None,
        )
        if image is None:
            faults.append(("no image", f"no image for {tree.root / path}; add it or move the file away"))
            continue
        try:
            shapes = _shapes(content, path=tree.root / path)
            size = int(content["imgHeight"]), int(content["imgWidth"])
        except (InputError, TypeError, ValueError) as error:
            faults.append(("unreadable mask", f"{tree.root / path}: {error}"))
            continue
        drawn.append((image, path, shapes, size))
    names = {name for _, _, shapes, _ in drawn for name, _ in shapes}
    official = bool(names & _ITS_OWN)
    kept = set(CITYSCAPES.names) if official else names
    pictures = [
        Drawn(image, path, Drawing(tuple(_named(shapes, kept)), size), split_of_folders(path) or split_of(path.stem))
        for image, path, shapes, size in drawn
    ]
    notes = ["pixels under no polygon are ignored"]
    order, colors = (
        (CITYSCAPES.names, dict(zip(CITYSCAPES.names, CITYSCAPES.palette, strict=True))) if official else ((), {})
    )
    return drawn_contents(
        tree, "Cityscapes polygons", pictures, names=order, colors=colors, background=False, notes=notes, faults=faults
    )


def _named(shapes: list[tuple[str, Outline]], kept: set[str]) -> list[tuple[str, Outline]]:
    """The shapes with what is no class ignored; a group counts as its members do."""
    return [(name if name in kept else "__ignore__", outline) for name, outline in shapes]


def _shapes(content: dict[str, Any], *, path: Path) -> list[tuple[str, Outline]]:
    shapes: list[tuple[str, Outline]] = []
    for item in content["objects"]:
        if not isinstance(item, dict) or not isinstance(item.get("label"), str) or item.get("deleted") in (1, True):
            continue
        name = item["label"]
        shapes.append((name.removesuffix("group") or name, Polygon((ring(item.get("polygon"), path=path),))))
    return shapes


def _is_polygons(content: Any) -> bool:
    return isinstance(content, dict) and "imgHeight" in content and isinstance(content.get("objects"), list)
