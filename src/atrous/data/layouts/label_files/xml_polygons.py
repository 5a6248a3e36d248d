"""XML files of one picture each whose objects have polygons: MIT's first LabelMe, and VOC as supervision writes it.

LabelMe has `<polygon><pt><x>..</x><y>..</y></pt>...` in `Annotations/FOLDER` beside `Images/FOLDER`. A deleted object
stays in its file and is none; one that was painted as a scribble has no outline in the file, which is an error. VOC
has `<x1>..</x1><y1>..</y1>...`, counted from 1 as VOC counts; objects with a box alone are left out by number.
"""

import re
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from atrous.data.annotations.outlines import Drawing, Outline, Polygon, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.cvat_xml import xml_root
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.errors import InputError

_SIZES = (("nrows", "height"), ("ncols", "width"))
"""How LabelMe and VOC call the two sides."""
_FEWEST = 3
"""Corners of a polygon that has an inside."""


def xml_polygons(tree: Tree) -> Contents | None:
    """Pictures and the polygons of their XML files; None where no file has any."""
    paths = tree.with_suffix(".xml")
    if not any(_has_polygons(root) for path in paths if (root := _annotation(tree, path)) is not None):
        return None
    found = DrawnPictures(tree)
    used: list[Path] = []
    for path in paths:
        root = _annotation(tree, path)
        if root is not None:
            used.append(path)
            folder, name = (_text(root, tag) for tag in ("folder", "filename"))
            image = tree.find(f"{folder}/{name}", near=path, pictures=True) if name else None
            split = split_of_folders(image or path)
            found.add(image, path, partial(_drawing, root, path=tree.root / path), written=name, split=split)
    return drawn_contents(tree, "polygons in XML", found.drawn, used=used, faults=found.faults)


def _annotation(tree: Tree, path: Path) -> ElementTree.Element | None:
    root = xml_root(tree, path)
    return root if root is not None and root.tag == "annotation" else None


def _has_polygons(root: ElementTree.Element) -> bool:
    return root.find("object/polygon/pt") is not None or root.find("object/polygon/x1") is not None


def _drawing(root: ElementTree.Element, *, path: Path) -> Drawing:
    """The polygons in the order of the file, later ones over earlier ones."""
    shapes: list[tuple[str, Outline]] = []
    skipped: dict[str, int] = {}
    for item in root.iter("object"):
        name = _text(item, "name")
        if _text(item, "deleted") == "1":
            continue
        if item.find("segm") is not None:
            raise InputError(f"{name!r:.80} was painted as a scribble, which this file does not hold")
        polygons = [_corners(polygon) for polygon in item.iterfind("polygon")]
        shapes += [(name, Polygon((ring(one, path=path),))) for one in polygons if len(one) >= _FEWEST]
        kind = "boxes" if not polygons else "polygons of fewer than three corners"
        if not any(len(one) >= _FEWEST for one in polygons):
            skipped[kind] = skipped.get(kind, 0) + 1
    stated = [_text(root, f"imagesize/{rows}") or _text(root, f"size/{voc}") for rows, voc in _SIZES]
    size = (int(stated[0]), int(stated[1])) if all(stated) and all(map(int, stated)) else None
    return Drawing(tuple(shapes), size, skipped or None)


def _corners(polygon: ElementTree.Element) -> list[tuple[float, float]]:
    """LabelMe's points, or VOC's numbered coordinates, whose first pixel is 1."""
    points = polygon.findall("pt")
    if points:
        return [(float(_text(point, "x")), float(_text(point, "y"))) for point in points]
    numbers = sorted(int(item.tag[1:]) for item in polygon if re.fullmatch(r"x\d{1,6}", item.tag))
    return [(float(_text(polygon, f"x{number}")) - 1, float(_text(polygon, f"y{number}")) - 1) for number in numbers]


def _text(element: ElementTree.Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()
