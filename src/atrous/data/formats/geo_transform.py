"""The step from pixels to coordinates on earth, and the code of the coordinates, in the tags of a GeoTIFF.

Source: OGC GeoTIFF 1.1 (19-008r4), sections 7.1 (keys of the directory) and B.6 (raster to model transformation).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

Affine = Float[np.ndarray, "2 3"]
"""Coordinates (x, y) of a pixel's corner (column, row): `affine @ (column, row, 1)`."""

_SCALE, _TIEPOINTS, _TRANSFORMATION, _KEYS = 33550, 33922, 34264, 34735
_RASTER_TYPE, _GEODETIC, _PROJECTED = 1025, 2048, 3072
_PIXEL_IS_POINT = 2
_CODES = range(1024, 32767)
"""Codes of EPSG; 32767 means that the user defines the system."""


def affine_of(reference: Mapping[int, Any]) -> Affine | None:
    """Coordinates of pixels by the tags from `geo_reference`; None where several points, or none, state the place."""
    scale, points, matrix = (_numbers(reference.get(tag)) for tag in (_SCALE, _TIEPOINTS, _TRANSFORMATION))
    if len(matrix) == 16:
        affine = matrix.reshape(4, 4)[:2, [0, 1, 3]]
    elif len(scale) >= 2 and len(points) == 6:
        (column, row, _, x, y, _), (wide, high) = points, scale[:2]
        affine = np.array([[wide, 0.0, x - column * wide], [0.0, -high, y + row * high]])
    else:
        return None
    if dict(_keys(reference)).get(_RASTER_TYPE) == _PIXEL_IS_POINT:  # its whole numbers are centres of pixels
        affine = affine @ np.array([[1.0, 0.0, -0.5], [0.0, 1.0, -0.5], [0.0, 0.0, 1.0]])
    usable = np.isfinite(affine).all() and np.linalg.det(affine[:, :2]) != 0
    return affine if usable else None


def epsg_code(reference: Mapping[int, Any]) -> int | None:
    """EPSG code of the coordinates by the tags from `geo_reference`; None where they have none."""
    keys = dict(_keys(reference))
    code = keys.get(_PROJECTED, keys.get(_GEODETIC, 0))
    return code if code in _CODES else None


def _keys(reference: Mapping[int, Any]) -> Iterator[tuple[int, int]]:
    """Keys of the directory whose values stand in it."""
    directory = reference.get(_KEYS)
    entries = directory[4:] if isinstance(directory, tuple) else ()
    for key, place, value in zip(entries[::4], entries[1::4], entries[3::4], strict=False):
        if place == 0:
            yield key, value


def _numbers(value: Any) -> Float[np.ndarray, " n"]:
    return np.array(value if isinstance(value, tuple) else (), np.float64)
