"""GeoJSON: polygons with holes, in the coordinates of the picture or of its place on earth."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from atrous.data.writers.labelled_image import drawn_classes, write_text
from atrous.labels import LabelSpace
from atrous.labels.polygons import Ring, trace_polygons

Affine = Float[np.ndarray, "2 3"]
"""Coordinates of a pixel's corner: `affine @ (x, y, 1)`."""


def write_geojson(
    path: Path,
    labels: Integer[np.ndarray, "h w"],
    space: LabelSpace,
    *,
    tolerance: float = 0.0,
    affine: Affine | None = None,
) -> None:
    """Write one feature per connected region, with its class, colour and area in pixels.

    Args:
        path: The file, replaced as a whole or not at all.
        labels: Class ids and the ignore value, of the whole picture: regions have no seams.
        space: Names and colours; a first class that is the background, and ignored pixels, are left out.
        tolerance: Largest distance in pixels of a removed corner from the simplified line.
        affine: From pixels to coordinates; None writes pixels, x to the right and y down.

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
        for polygon in trace_polygons(labels, classes=drawn_classes(space), tolerance=tolerance)
    ]
    content: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    write_text(path, json.dumps(content, ensure_ascii=False))


def _closed(ring: Ring, affine: Affine | None) -> list[list[float]]:
    """Coordinates whose last repeats the first; outlines run counterclockwise in them (RFC 7946, 3.1.6)."""
    points = ring
    if affine is not None:
        points = ring @ affine[:, :2].T + affine[:, 2]
        if np.linalg.det(affine[:, :2]) < 0:  # the y axis is turned over, and with it the direction
            points = points[::-1]
    return [*points.tolist(), points[0].tolist()]
