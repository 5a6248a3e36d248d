"""Label maps drawn with LabelMe: one JSON per picture, a list of named shapes.

Shapes are painted in the order of the file, later ones over earlier ones. Polygons, rectangles and circles have an
inside, and so have masks; points and lines have none and are left out. Pixels under no shape are background; see
`data/annotations/named_shapes.py`.
"""

from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.bitmaps import bitmap_of, placed
from atrous.data.annotations.named_shapes import Shape, paint
from atrous.data.annotations.regions import Region, circle_region, polygon_region
from atrous.data.formats.json_files import objects, picture_size, points, read_object, text
from atrous.data.formats.tiff import upright_picture_size
from atrous.data.pairs import Pair, check_declared_size
from atrous.data.schema import Schema
from atrous.errors import InputError
from atrous.sizes import Size

WITHOUT_INSIDE = frozenset({"point", "points", "line", "linestrip"})
"""Types of shapes that cover no pixels."""


def read_labelme(pair: Pair, *, schema: Schema) -> Integer[np.ndarray, "h w"]:
    """Class ids of a LabelMe file.

    Args:
        pair: The JSON file and its picture.
        schema: Classes by name.

    Raises:
        InputError: If the file is not LabelMe's, a shape has no inside or makes no sense, a label is no class, or the
            stated size is not the picture's.
    """
    path = pair.mask
    content = read_object(path)
    try:
        sizes = content.get("imageHeight"), content.get("imageWidth")
        if sizes == (None, None) and "imagePath" in content:  # as older versions write it
            size = upright_picture_size(pair.image)
        else:
            size = picture_size(content, height="imageHeight", width="imageWidth")
            check_declared_size(pair, size)
        items = [(i, item) for i, item in enumerate(_shapes(content)) if not _is_without_inside(item)]
        shapes = [_shape(item, size=size, number=i) for i, item in items]
        return paint(shapes, size=size, schema=schema)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{path}: {error}; correct the shape in LabelMe") from error


def labelme_names(path: Path) -> Set[str]:
    """The labels that a file uses; raises InputError where it is not LabelMe's."""
    content = read_object(path)
    try:
        return {_label(item) for item in _shapes(content) if not _is_without_inside(item)}
    except ValueError as error:
        raise InputError(f"{path}: {error}; is it a LabelMe file?") from error


def kind_without_inside(item: dict[str, Any]) -> str | None:
    """Type of a shape that covers no pixels, such as a polygon of two points; None if it covers some."""
    kind, corners = item.get("shape_type") or "polygon", item.get("points")
    if kind == "polygon" and isinstance(corners, list) and len(corners) in (1, 2):
        return f"polygon of {len(corners)} points"
    return kind if isinstance(kind, str) and kind in WITHOUT_INSIDE else None


def _is_without_inside(item: dict[str, Any]) -> bool:
    return kind_without_inside(item) is not None


def _shapes(content: dict[str, Any]) -> list[dict[str, Any]]:
    return objects(content.get("shapes"), name="shapes")


def _label(item: dict[str, Any]) -> str:
    """The name of a shape, which some tools write as a number."""
    value = item.get("label")
    return str(value) if type(value) is int else text(item, "label")


def _shape(item: dict[str, Any], *, size: Size, number: int) -> Shape:
    try:
        return Shape(_label(item), _region(item, size=size))
    except ValueError as error:
        raise ValueError(f"shape {number}: {error}") from error


def _region(item: dict[str, Any], *, size: Size) -> Region:
    corners = points(item.get("points"), name="points")
    kind = item.get("shape_type") or "polygon"
    match kind, len(corners):
        case "polygon", _:
            return polygon_region(corners, size=size)
        case "mask", 2:  # a PNG between two corners, both inside
            column, row = (round(float(value)) for value in corners[0])
            return placed(bitmap_of(text(item, "mask")), (column, row), size=size)
        case "rectangle" | "rotation" | "oriented_rectangle" | "rotated_rectangle", 4:
            return polygon_region(corners, size=size)
        case "rectangle", 2:
            (x0, y0), (x1, y1) = corners
            return polygon_region(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]), size=size)
        case "circle", 2:
            centre, edge = corners
            radius = float(np.hypot(*(edge - centre)))
            return circle_region((float(centre[0]), float(centre[1])), radius=radius, size=size)
    raise ValueError(f"a {kind!r:.40} of {len(corners)} points has no inside; use polygon, rectangle or circle")
