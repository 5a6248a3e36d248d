"""TIFFs of any bands, with or without a place on earth, written by tifffile."""

from pathlib import Path

import numpy as np
import tifffile

GEO = {
    33550: (0.5, 0.25, 0.0),  # a pixel is 0.5 x 0.25 metres
    33922: (0.0, 0.0, 0.0, 500000.0, 5400000.0, 0.0),
    34735: (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632),  # UTM zone 32
    34736: (6378137.0, 298.257223563),
    34737: "WGS 84 / UTM zone 32N|",
}
"""Tags of a GeoTIFF by number."""
_TYPES = {33550: "d", 33922: "d", 34735: "H", 34736: "d", 34737: "s"}


def write_tiff(
    path: Path, bands: np.ndarray, *, geo: bool = False, orientation: int = 1, nodata: str = "", **options: object
) -> Path:
    """Bands `[h, w, c]` as grey with further bands, unless the options say otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tags = [(tag, _TYPES[tag], 0 if tag == 34737 else len(value), value, True) for tag, value in GEO.items()]
    settings = {"photometric": "minisblack", "planarconfig": "contig", "metadata": None} | options
    extra = tags if geo else []
    if nodata:
        extra.append((42113, "s", 0, nodata, True))
    if orientation != 1:
        extra.append((274, "H", 1, orientation, True))
    tifffile.imwrite(path, bands, extratags=extra, **settings)
    return path
