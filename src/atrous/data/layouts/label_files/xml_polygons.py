"""XML files of one picture each whose objects have polygons: MIT's first LabelMe, and VOC as Roboflow writes it.

LabelMe has `<polygon><pt><x>..</x><y>..</y></pt>...` in `Annotations/FOLDER` beside `Images/FOLDER`. A deleted object
stays in its file and is none; objects painted as scribbles have no outline in the file. VOC has
`<x1>..</x1><y1>..</y1>...`, counted from 1 as VOC counts; objects with a box alone are left out by number.
"""

from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from atrous.data.annotations.outlines import Drawing, Outline, Polygon, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.cvat_xml import xml_root
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree

_SIZES = (("nrows", "height"), ("ncols", "width"))
"""How LabelMe and VOC call the two sides."""


def xml_polygons(tree: Tree) -> Contents | None:
    """Pictures and the polygons of their XML files; None where no file has any."""
    roots = {path: xml_root(tree, path) for path in tree.with_suffix(".xml")}
    files = {path: root for path, root in roots.items() if root is not None and root.tag == "annotation"}
    if not any(root.find("object/polygon") is not None for root in files.values()):
        return None
    found = DrawnPictures(tree)
    for path, root in files.items():
        folder, name = (_text(root, tag) for tag in ("folder", "filename"))
        image = tree.find(f"{folder}/{name}", near=path, pictures=True) if name else None
        split = split_of_folders(image or path)
        found.add(image, path, partial(_drawing, root, path=tree.root / path), written=name, split=split)
    return drawn_contents(tree, "polygons in XML", found.drawn, used=[*files], faults=found.faults)


def _drawing(root: ElementTree.Element, *, path: Path) -> Drawing:
    """The polygons in the order of the file, later ones over earlier ones."""
    shapes: list[tuple[str, Outline]] = []
    bare = 0
    for item in root.iter("object"):
        if _text(item, "deleted") == "1":
            continue
        rings = [corners for polygon in item.iterfind("polygon") if (corners := _corners(polygon))]
        shapes += [(_text(item, "name"), Polygon((ring(corners, path=path),))) for corners in rings]
        bare += not rings
    stated = [(_text(root, f"imagesize/{rows}") or _text(root, f"size/{voc}")) for rows, voc in _SIZES]
    size = (int(stated[0]), int(stated[1])) if all(stated) and all(map(int, stated)) else None
    return Drawing(tuple(shapes), size, {"objects without a polygon": bare} if bare else None)


def _corners(polygon: ElementTree.Element) -> list[tuple[str | None, str | None]] | list[tuple[float, float]]:
    """LabelMe's points, or VOC's numbers, whose first pixel is 1."""
    points = polygon.findall("pt")
    if points:
        return [(point.findtext("x"), point.findtext("y")) for point in points]
    values = [float(item.text or "nan") - 1 for item in polygon]
    return [*zip(values[::2], values[1::2], strict=True)]


def _text(element: ElementTree.Element, tag: str) -> str:
    return (element.findtext(tag) or "").strip()
