"""GeoJSON: polygons with holes, in the coordinates of the picture or of its place on earth."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from atrous.data.formats.geo_transform import Affine
from atrous.data.writers.labelled_image import drawn_polygons, write_text
from atrous.labels import LabelSpace
from atrous.labels.simplification import Ring


def write_geojson(
    path: Path,
    labels: Integer[np.ndarray, "h w"],
    space: LabelSpace,
    *,
    tolerance: float = 0.0,
    affine: Affine | None = None,
    epsg: int | None = None,
) -> None:
    """Write one feature per connected region, with its class, colour and area in pixels.

    Args:
        path: The file, replaced as a whole or not at all.
        labels: Class ids and the ignore value, of the whole picture: regions have no seams.
        space: Names and colours; a first class that is the background, and ignored pixels, are left out.
        tolerance: Largest distance in pixels of a removed corner from the simplified line.
        affine: From pixels to coordinates; None writes pixels, x to the right and y down.
        epsg: Code of the coordinates, which the file then names as readers of GDAL and QGIS expect; None: not known.

    Raises:
        InputError: If the file cannot be written.
    """
    features = [
        {
            "type": "Feature",
            "properties": {
                "class": space.names[polygon.label],
                "class_id": polygon.label,
                "color": list(space.palette[polygon.label]),
                "pixels": polygon.pixels,
            },
            "geometry": {
                "type": "Polygon",
                "coordinates": [_closed(ring, affine) for ring in (polygon.outline, *polygon.holes)],
            },
        }
        for polygon in drawn_polygons(labels, space, tolerance=tolerance)
    ]
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if affine is not None and epsg is not None:
        content["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{epsg}"}}
    write_text(path, json.dumps(content, ensure_ascii=False))


def _closed(ring: Ring, affine: Affine | None) -> list[list[float]]:
    """Coordinates whose last repeats the first; outlines run counterclockwise in them (RFC 7946, 3.1.6)."""
    points = ring
    if affine is not None:
        points = ring @ affine[:, :2].T + affine[:, 2]
        if np.linalg.det(affine[:, :2]) < 0:  # the y axis is turned over, and with it the direction
            points = points[::-1]
    return [*points.tolist(), points[0].tolist()]
