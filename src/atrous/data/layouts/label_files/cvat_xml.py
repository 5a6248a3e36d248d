"""CVAT's XML for images: polygons, boxes, ellipses and masks of every picture; lines and points have no inside."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from atrous.data.annotations.outlines import Drawing, Ellipse, Outline, Polygon, WindowRuns, rectangle, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, hex_color, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import SPLITS
from atrous.labels import Color

_LARGEST = 2**28
_WITHOUT_INSIDE = frozenset({"polyline", "points", "cuboid", "skeleton", "tag"})


def cvat_xml(tree: Tree) -> Contents | None:
    """Pictures and the shapes of CVAT's XML; None where there is none."""
    found = DrawnPictures(tree)
    names: dict[str, Color] = {}
    used: list[Path] = []
    for path in tree.with_suffix(".xml"):
        root = xml_root(tree, path)
        if root is None or root.tag != "annotations" or root.find("image") is None:
            continue
        used.append(path)
        names |= dict(_labels(root))
        for item in root.iter("image"):
            written = item.get("name", "")
            image = tree.find(written, near=path, pictures=True)
            split = SPLITS.get(item.get("subset", "").lower(), "") or split_of_folders(image or path)
            found.add(image, path, partial(_drawing, item, path=tree.root / path), written=written, split=split)
    return drawn_contents(tree, "CVAT XML", found.drawn, names=[*names], colors=names, used=used, faults=found.faults)


def xml_root(tree: Tree, path: Path) -> ElementTree.Element | None:
    """The root of an XML file; None where it is damaged, large, or declares entities, which can be made to grow."""
    file = tree.root / path
    try:
        if file.stat().st_size > _LARGEST:
            return None
        text = file.read_bytes()
        if b"<!ENTITY" in text or b"<!DOCTYPE" in text:
            return None
        return ElementTree.fromstring(text)
    except (OSError, ElementTree.ParseError, ValueError):
        return None


def _labels(root: ElementTree.Element) -> Iterator[tuple[str, Color]]:
    for label in root.iter("label"):
        name = label.findtext("name")
        if name:
            yield name, hex_color(label.findtext("color"))


def _drawing(item: ElementTree.Element, *, path: Path) -> Drawing:
    """The shapes by their `z_order`, among equals in the order of the file."""
    size = int(item.get("height", "0")), int(item.get("width", "0"))
    skipped: dict[str, int] = {}
    found: list[tuple[int, str, Outline]] = []
    for shape in item:
        outline = _outline(shape, path=path)
        if outline is None:
            skipped[shape.tag] = skipped.get(shape.tag, 0) + (shape.tag in _WITHOUT_INSIDE)
        else:
            found.append((int(shape.get("z_order", "0")), shape.get("label", ""), outline))
    ordered = sorted(found, key=lambda one: one[0])
    kept = {kind: count for kind, count in skipped.items() if count}
    return Drawing(tuple((name, outline) for _, name, outline in ordered), size, kept or None)


def _outline(shape: ElementTree.Element, *, path: Path) -> Outline | None:
    def number(name: str) -> float:
        return float(shape.get(name, "nan"))

    match shape.tag:
        case "polygon":
            return Polygon((ring([pair.split(",") for pair in shape.get("points", "").split(";")], path=path),))
        case "box" if not shape.get("rotation"):
            return rectangle(number("xtl"), number("ytl"), number("xbr"), number("ybr"))
        case "box":
            flat = rectangle(number("xtl"), number("ytl"), number("xbr"), number("ybr"))
            return flat.turned(number("rotation"))
        case "ellipse":
            turn = float(shape.get("rotation", "0"))
            return Ellipse((number("cx"), number("cy")), (number("rx"), number("ry")), turn=turn)
        case "mask":
            runs = tuple(int(run) for run in shape.get("rle", "").split(","))
            window = tuple(int(number(name)) for name in ("left", "top", "width", "height"))
            return WindowRuns(runs, (window[0], window[1], window[2], window[3]))
    return None
