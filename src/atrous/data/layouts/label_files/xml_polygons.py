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

_HEIGHT = ("imagesize/nrows", "size/height")
_WIDTH = ("imagesize/ncols", "size/width")
"""Where the height and the width of the picture stand, in LabelMe's files and in VOC's."""
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
        if all(len(one) < _FEWEST for one in polygons):
            kind = "polygons of fewer than three corners" if polygons else "boxes"
            skipped[kind] = skipped.get(kind, 0) + 1
    height, width = (next(filter(None, (int(_text(root, tag) or 0) for tag in tags)), 0) for tags in (_HEIGHT, _WIDTH))
    return Drawing(tuple(shapes), (height, width) if height and width else None, skipped or None)


def _corners(polygon: ElementTree.Element) -> list[tuple[float, float]]:
    """LabelMe's points, or VOC's numbered coordinates, whose first pixel is 1."""
    points = polygon.findall("pt")
    if points:
        return [(float(_text(point, "x")), float(_text(point, "y"))) for point in points]
    numbers = sorted(int(item.tag[1:]) for item in polygon if re.fullmatch(r"x\d{1,6}", item.tag))
    return [(float(_text(polygon, f"x{number}")) - 1, float(_text(polygon, f"y{number}")) - 1) for number in numbers]


def _text(element: ElementTree.Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()
