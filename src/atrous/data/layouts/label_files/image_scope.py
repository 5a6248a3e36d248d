"""XML of Aperio ImageScope, as MoNuSeg has it: a file for each picture, regions of vertices in layers."""

from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from atrous.data.annotations.outlines import Drawing, Outline, Polygon, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.cvat_xml import xml_root
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree


def image_scope(tree: Tree) -> Contents | None:
    """Pictures and the regions of their files; None where no XML has ImageScope's fields."""
    found = DrawnPictures(tree)
    for path in tree.with_suffix(".xml"):
        root = xml_root(tree, path)
        if root is not None and root.tag == "Annotations":
            image = tree.find(path.stem, near=path, pictures=True)
            read = partial(_drawing, root, path=tree.root / path)
            found.add(image, path, read, split=split_of_folders(image or path))
    if not any(one.drawing.shapes for one in found.drawn) and not found.faults:
        return None
    return drawn_contents(tree, "ImageScope XML", found.drawn, faults=found.faults)


def _drawing(root: ElementTree.Element, *, path: Path) -> Drawing:
    """The regions; where a layer has no name, they are foreground."""
    shapes: list[tuple[str, Outline]] = []
    for layer in root.iter("Annotation"):
        name = layer.get("Name", "").strip() or "foreground"
        for region in layer.iter("Region"):
            corners = [(vertex.get("X"), vertex.get("Y")) for vertex in region.iter("Vertex")]
            if len(corners) > 2:
                shapes.append((name, Polygon((ring(corners, path=path),))))
    return Drawing(tuple(shapes))
