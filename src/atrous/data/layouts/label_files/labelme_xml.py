"""XML of the first LabelMe, MIT's web page: polygons of every picture, in `Images/FOLDER` and `Annotations/FOLDER`.

A deleted object stays in the file and is none. Objects painted as scribbles have no outline in the file.
"""

from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from atrous.data.annotations.outlines import Drawing, Outline, Polygon, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.cvat_xml import xml_root
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents
from atrous.data.layouts.tree import Tree


def labelme_xml(tree: Tree) -> Contents | None:
    """Pictures and the polygons of their XML files; None where no file has any."""
    roots = {path: xml_root(tree, path) for path in tree.with_suffix(".xml")}
    files = {path: root for path, root in roots.items() if root is not None and root.tag == "annotation"}
    if not any(root.find("object/polygon/pt") is not None for root in files.values()):
        return None
    found = DrawnPictures(tree)
    for path, root in files.items():
        folder, name = (root.findtext(tag, "").strip() for tag in ("folder", "filename"))
        image = tree.find(f"{folder}/{name}", near=path, pictures=True) if name else None
        found.add(image, path, partial(_drawing, root, path=tree.root / path), written=name)
    return drawn_contents(tree, "LabelMe XML", found.drawn, used=[*files], faults=found.faults)


def _drawing(root: ElementTree.Element, *, path: Path) -> Drawing:
    """The polygons in the order of the file, later ones over earlier ones."""
    shapes: list[tuple[str, Outline]] = []
    scribbles = 0
    for item in root.iter("object"):
        if item.findtext("deleted", "0").strip() == "1":
            continue
        corners = [(point.findtext("x"), point.findtext("y")) for point in item.iterfind("polygon/pt")]
        scribbles += not corners
        if corners:
            shapes.append((item.findtext("name", "").strip(), Polygon((ring(corners, path=path),))))
    rows, columns = (int(root.findtext(f"imagesize/{tag}", "0") or 0) for tag in ("nrows", "ncols"))
    size = (rows, columns) if rows and columns else None
    return Drawing(tuple(shapes), size, {"objects without a polygon": scribbles} if scribbles else None)
