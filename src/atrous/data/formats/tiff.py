"""TIFF files beyond what a viewer shows: any number of bands, and where on earth the pixels lie.

The tags are read by Pillow, which parses the directory of a file even where it cannot decode it. The pixels of many
bands are read by tifffile (extra `geo`), pure Python, with imagecodecs for what is compressed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, UInt8
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from atrous.data.formats.decoding import decoding
from atrous.data.formats.deep_pictures import check_declared, deep_values, in_range
from atrous.data.formats.images import DECLARE, MAX_PIXELS, check_file, image_size, read_image, upright_size
from atrous.data.formats.raw_values import (
    BITS,
    COMPRESSION,
    EXTRA,
    HEIGHT,
    NODATA,
    ORIENTATION,
    PHOTOMETRIC,
    SAMPLES,
    WIDTH,
    deep_png,
    number_type,
    page_values,
    tiff_tags,
    upright,
)
from atrous.data.formats.value_range import Ranges
from atrous.errors import InputError
from atrous.extras import require
from atrous.files import atomic_path
from atrous.sizes import Size

_GREYS, _RGB, _YCBCR, _JPEG = (0, 1), 2, 6, 7
_ALPHA = (1, 2)
_GEO_TAGS = {33550: 12, 33922: 12, 34264: 12, 34735: 3, 34736: 12, 34737: 2}
"""ModelPixelScale, ModelTiepoint, ModelTransformation, GeoKeyDirectory, GeoDoubleParams, GeoAsciiParams: types."""
_VALUES = {2: str, 3: int, 12: float}
"""Python types that Pillow gives for these tag types: text, 16-bit integers, doubles."""


def read_picture(path: Path, *, max_pixels: int = MAX_PIXELS, ranges: Ranges = ()) -> UInt8[np.ndarray, "h w c"]:
    """Any picture as 8-bit RGB, or all bands of a TIFF that is more than a picture.

    More than a picture is grey or RGB with further bands that are not transparency. Bands of 16 bits are divided by
    257, as `read_image` does with greys, unless ranges are declared. Of a stack the first image is read.

    Args:
        path: The file.
        max_pixels: Refuse pictures of more pixels before decoding them.
        ranges: Numbers that are black and white in pictures of more than 8 bits per band.

    Raises:
        InputError: As `read_image`, and if bands are of other types than 8- or 16-bit integers without a range, or
            tifffile is missing.
    """
    check_file(path)
    if ranges and (numbers := deep_values(path, max_pixels=max_pixels)) is not None:
        return in_range(numbers, ranges, path=path)
    tags = tiff_tags(path)
    check_declared(path, tags, max_pixels=max_pixels)
    if not _is_multiband(tags):
        return read_image(path, max_pixels=max_pixels)
    reader = require("tifffile", extra="geo", purpose=f"reading the bands of {path}")
    width, height, bands = (_whole(tags, tag) for tag in (WIDTH, HEIGHT, SAMPLES))
    if width * height * bands > 3 * max_pixels:
        raise InputError(f"{path} has {width} x {height} pixels of {bands} bands; cut it into tiles or raise the limit")
    with decoding(path), reader.TiffFile(path) as file:
        values = page_values(file.pages[0])
    if values.ndim != 3 or values.dtype not in (np.uint8, np.uint16):
        raise InputError(f"{path} holds bands of {values.dtype}; {DECLARE}")
    return eight_bits(upright(values, tags.get(ORIENTATION, 1)))


def eight_bits(values: Integer[np.ndarray, "h w c"]) -> UInt8[np.ndarray, "h w c"]:
    """Bands of 8 or 16 bits as 8: those of 16 are divided by 257, so that 65535 becomes 255."""
    if values.dtype == np.uint16:
        values = (values.astype(np.uint32) + 128) // 257
    return np.ascontiguousarray(values, np.uint8)


def deep_range(path: Path, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int] | None:
    """Smallest and largest number of a picture of 16 bits per channel; None for other pictures.

    Raises:
        InputError: If the file is damaged or too large.
    """
    tags = tiff_tags(path)
    if number_type(tags) == "uint16" and tags:
        reader = require("tifffile", extra="geo", purpose=f"reading {path}")
        if _whole(tags, WIDTH) * _whole(tags, HEIGHT) > max_pixels:
            return None
        with decoding(path):
            values = reader.imread(path, key=0)
        return int(values.min()), int(values.max())
    values = deep_png(path, max_pixels=max_pixels)
    return None if values is None else (int(values.min()), int(values.max()))


def picture_size(path: Path) -> Size:
    """(height, width) of a picture as it is in the file, without decoding it; raises InputError as `read_picture`."""
    tags = tiff_tags(path)
    if {WIDTH, HEIGHT} <= tags.keys():
        return _whole(tags, HEIGHT), _whole(tags, WIDTH)
    return image_size(path)


def upright_picture_size(path: Path) -> Size:
    """(height, width) of a picture as `read_picture` gives it, without decoding it; raises InputError likewise."""
    tags = tiff_tags(path)
    if not {WIDTH, HEIGHT} <= tags.keys():
        return upright_size(path)
    height, width = _whole(tags, HEIGHT), _whole(tags, WIDTH)
    return (width, height) if _whole(tags, ORIENTATION) in (5, 6, 7, 8) else (height, width)


def is_stored_plainly(path: Path) -> bool:
    """Return True if decoded tiles or strips of a TIFF equal `read_picture`: 8-bit RGB, or many bands."""
    tags = tiff_tags(path)
    if not tags or _whole(tags, ORIENTATION) != 1:
        return False
    bits = tags.get(BITS)
    rgb = tags.get(PHOTOMETRIC) == _RGB or (tags.get(PHOTOMETRIC) == _YCBCR and tags.get(COMPRESSION) == _JPEG)
    return _is_multiband(tags) or (rgb and _whole(tags, SAMPLES) == 3 and bits in ((8, 8, 8), 8))


def geo_reference(path: Path) -> Mapping[int, Any]:
    """The tags that say where on earth a picture is; empty where it does not.

    Raises:
        InputError: If the picture is to be turned before it is shown: then its reference is not that of its rows. Or
            if the tags hold other things than a reference.
    """
    tags = tiff_tags(path)
    found = {tag: tags[tag] for tag in _GEO_TAGS if tag in tags}
    if found and _whole(tags, ORIENTATION) != 1:
        raise InputError(f"{path} has both an orientation and a geo-reference; save it upright")
    for tag, value in found.items():
        values = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(one, _VALUES[_GEO_TAGS[tag]]) for one in values):
            raise InputError(f"{path} has a geo-reference that cannot be read (tag {tag}); write the file again")
    return found


def write_geo_labels(
    path: Path,
    labels: np.ndarray,
    *,
    palette: bytes | None,
    reference: Mapping[int, Any],
    nodata: int | None = None,
) -> None:
    """Write a label map as GeoTIFF.

    Args:
        path: The file, replaced as a whole or not at all.
        labels: Class ids `[h, w]`, 0..65535.
        palette: RGB of every value, for maps of up to 256 values.
        reference: The tags from `geo_reference`.
        nodata: Value of pixels without data, for GDAL's tag; None where there are none.

    Raises:
        InputError: If the file cannot be written.
    """
    tags = ImageFileDirectory_v2()
    for tag, value in reference.items():
        tags.tagtype[tag] = _GEO_TAGS[tag]
        tags[tag] = value
    if nodata is not None:
        tags.tagtype[NODATA] = 2
        tags[NODATA] = str(nodata)
    picture = Image.fromarray(labels.astype(np.uint16 if palette is None else np.uint8))
    if palette is not None:
        picture.putpalette(palette)
    with atomic_path(path) as temporary:
        picture.save(temporary, format="TIFF", tiffinfo=tags, compression="tiff_adobe_deflate")


def write_geo_labels_in_tiles(
    path: Path,
    labels: np.ndarray,
    *,
    palette: bytes | None,
    reference: Mapping[int, Any],
    nodata: int | None = None,
) -> None:
    """The same by tifffile, in tiles, for maps that lie in a mapped file."""
    writer = require("tifffile", extra="geo", purpose=f"writing {path}")
    tags = [
        (tag, _GEO_TAGS[tag], 0 if isinstance(value, str) else len(value), value) for tag, value in reference.items()
    ]
    if nodata is not None:
        tags.append((NODATA, 2, 0, str(nodata)))
    colors = {"photometric": "minisblack"}
    if palette is not None:
        table = np.frombuffer(palette, np.uint8).reshape(256, 3).T.astype(np.uint16) * 257
        colors = {"photometric": "palette", "colormap": table}
    with atomic_path(path) as temporary:
        writer.imwrite(
            temporary,
            labels.view(np.uint16) if labels.dtype == np.int16 else labels,
            tile=(256, 256),
            compression="zlib",
            metadata=None,
            extratags=[(*tag, True) for tag in tags],
            **colors,
        )


def _is_multiband(tags: Mapping[int, Any]) -> bool:
    samples, extra = _whole(tags, SAMPLES), tags.get(EXTRA)
    colors = {**dict.fromkeys(_GREYS, 1), _RGB: 3}.get(tags.get(PHOTOMETRIC, _RGB))
    if colors is None:  # a palette, inks, YCbCr ...: a picture
        return False
    return samples > colors and not (samples == colors + 1 and extra in [(alpha,) for alpha in _ALPHA])


def _whole(tags: Mapping[int, Any], tag: int) -> int:
    """A tag that is one whole number; 1, TIFF's default of those that are asked for, where it is something else."""
    value = tags.get(tag)
    return value if isinstance(value, int) else 1
