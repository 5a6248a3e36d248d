"""GeoJSON of pixels, as QuPath exports it: a file for each picture, classes under `properties.classification`."""

from functools import partial
from pathlib import Path
from typing import Any

from atrous.data.annotations.outlines import Drawing, Outline, Polygon, ring
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import DrawnPictures, drawn_contents, split_of_folders
from atrous.data.layouts.tree import Tree
from atrous.errors import InputError


def geojson(tree: Tree) -> Contents | None:
    """Pictures and the features of their files; None where there is no such file."""
    found = DrawnPictures(tree)
    for path in tree.with_suffix(".geojson", ".json"):
        features = _features(tree.json(path))
        if features is not None:
            image = tree.find(path.stem, near=path, pictures=True)
            read = partial(_drawing, features, path=tree.root / path)
            found.add(image, path, read, split=split_of_folders(image or path))
    if not any(one.drawing.shapes for one in found.drawn) and not found.faults:
        return None
    return drawn_contents(tree, "GeoJSON", found.drawn, faults=found.faults)


def _features(content: Any) -> list[dict[str, Any]] | None:
    """The features of a collection, or of a list as QuPath writes; None where the content is neither."""
    if isinstance(content, dict):
        content = content.get("features") if content.get("type") == "FeatureCollection" else None
    if not isinstance(content, list):
        return None
    return content if all(isinstance(one, dict) and one.get("type") == "Feature" for one in content) else None


def _drawing(features: list[dict[str, Any]], *, path: Path) -> Drawing:
    shapes: list[tuple[str, Outline]] = []
    skipped: dict[str, int] = {}
    for feature in features:
        geometry, name = feature["geometry"], _name(feature.get("properties") or {})
        match geometry["type"]:
            case "Polygon":
                parts = [geometry["coordinates"]]
            case "MultiPolygon":
                parts = geometry["coordinates"]
            case kind:
                skipped[str(kind)] = skipped.get(str(kind), 0) + 1
                continue
        shapes += [(name, Polygon(tuple(ring(corners, path=path) for corners in rings))) for rings in parts]
    corners = [corner for _, shape in shapes if isinstance(shape, Polygon) for corner in shape.rings[0][:, 1].tolist()]
    if corners and max(corners) <= 0:
        raise InputError("coordinates of the earth, or with y upwards, not pixels; export pixels, or PNG masks")
    return Drawing(tuple(shapes), skipped=skipped or None)


def _name(properties: dict[str, Any]) -> str:
    """The name of the classification (a list in old files), or what else names a class."""
    found = properties.get("classification")
    if isinstance(found, dict):
        found = found.get("name") or (found.get("names") or [None])[-1]
    known = found or next((properties[key] for key in ("class", "label", "category") if properties.get(key)), None)
    return str(known or "foreground")
