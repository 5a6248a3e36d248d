"""The numbers of pictures of more than 8 bits per band, and pixels without data.

Pixels have no data where a band is NaN, or where all bands are the number that GDAL's tag 42113 marks.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Shaped, UInt8
from PIL import ImageOps

from atrous.data.formats.decoding import check_size, decoding
from atrous.data.formats.images import DECLARE, DEEP_MODES, MAX_PIXELS, opened
from atrous.data.formats.raw_values import (
    EXTRA,
    HEIGHT,
    ORIENTATION,
    PHOTOMETRIC,
    PNG_START,
    SAMPLES,
    WIDTH,
    bits_of,
    deep_png,
    nodata_mark,
    number_type,
    page_values,
    tiff_tags,
    upright,
)
from atrous.data.formats.value_range import Ranges, stretched
from atrous.errors import InputError
from atrous.extras import installed, require

_COLORS = {0: 1, 1: 1, 2: 3}
"""Bands of the photometric kinds that hold numbers: inverted greys, greys, RGB."""
_ALPHA = ((1,), (2,), 1, 2)


def deep_values(path: Path, *, max_pixels: int = MAX_PIXELS) -> Shaped[np.ndarray, "h w c"] | None:
    """The numbers of a picture of more than 8 bits per band, upright and without alpha; None for other pictures.

    Args:
        path: A picture of any format; of a stack the first image is read.
        max_pixels: Refuse pictures of more pixels before decoding them.

    Raises:
        InputError: If the file is damaged, too large, or holds complex numbers.
    """
    tags = tiff_tags(path)
    if tags:
        return _without_alpha(_tiff_values(path, tags, max_pixels=max_pixels), tags) if is_deep(tags) else None
    values = deep_png(path, max_pixels=max_pixels)
    if values is not None:
        return values[..., None] if values.ndim == 2 else values[..., : values.shape[2] - (values.shape[2] % 2 == 0)]
    with opened(path, max_pixels=max_pixels) as picture:
        return np.array(ImageOps.exif_transpose(picture))[..., None] if picture.mode in DEEP_MODES else None


def in_range(values: Shaped[np.ndarray, "h w c"], ranges: Ranges, *, path: Path) -> UInt8[np.ndarray, "h w d"]:
    """Numbers of a picture stretched to 0..255, greys as RGB; raises InputError for ranges of other bands."""
    try:
        found = stretched(values, ranges)
    except ValueError as error:
        raise InputError(f"{path}: {error} ([picture] range)") from error
    return np.repeat(found, 3, axis=2) if found.shape[2] == 1 else found


def check_declared(path: Path, tags: Mapping[int, Any], *, max_pixels: int) -> None:
    """Refuse a TIFF whose numbers have no range of their own: all but unsigned ones of up to 16 bits.

    Raises:
        InputError: With the smallest and largest number, if tifffile is installed, and the remedy.
    """
    kind = number_type(tags)
    if not is_deep(tags) or kind == "uint16":
        return
    seen = ""
    if installed("tifffile"):
        values = deep_values(path, max_pixels=max_pixels)
        if values is not None:
            known = values[np.isfinite(values)]
            seen = f" from {known.min():g} to {known.max():g}" if known.size else ", none of them finite"
    raise InputError(f"{path} holds {kind} numbers{seen}; {DECLARE}")


def has_16_bits(path: Path) -> bool:
    """Return True for a PNG or a TIFF of 16 bits per band; only the header is read."""
    with path.open("rb") as file:
        head = file.read(26)
    tags = tiff_tags(path)
    return (head[:8] == PNG_START and head[24:25] == b"\x10") or (bool(tags) and number_type(tags) == "uint16")


def missing_pixels(path: Path, *, max_pixels: int = MAX_PIXELS) -> Bool[np.ndarray, "h w"] | None:
    """True at the pixels of a TIFF that have no data; None where all have data, and for other files.

    Args:
        path: The file.
        max_pixels: Refuse pictures of more pixels before decoding them.

    Raises:
        InputError: If the file is damaged or too large.
    """
    tags = tiff_tags(path)
    if not tags or (nodata_mark(tags) is None and not _is_floating(tags)):
        return None
    if tags.get(PHOTOMETRIC) not in _COLORS:  # a palette, inks, YCbCr ...: no numbers that mean anything by themselves
        return None
    values = _without_alpha(_tiff_values(path, tags, max_pixels=max_pixels), tags)
    missing = without_data(values, mark=nodata_mark(tags))
    return missing if missing.any() else None


def without_data(values: Shaped[np.ndarray, "h w c"], *, mark: float | None) -> Bool[np.ndarray, "h w"]:
    """True at pixels where a band is NaN, or all bands are the mark."""
    floating = values.dtype.kind == "f"
    missing = np.zeros(values.shape[:2], bool)
    if floating:
        missing |= np.isnan(values).any(axis=2)
    if mark is None:
        return missing
    # In the file's own type: -3.4028235e38 in the tag is the smallest number of 32 bits.
    marked = np.asarray(mark).astype(values.dtype) if floating else mark
    missing |= np.asarray(values == marked).all(axis=2)
    return missing


def _tiff_values(path: Path, tags: Mapping[int, Any], *, max_pixels: int) -> Shaped[np.ndarray, "h w c"]:
    kind = number_type(tags)
    if "complex" in kind:
        raise InputError(f"{path} holds {kind} numbers; save magnitude and phase as bands of their own")
    width, height, bands = (value if isinstance(value := tags.get(tag), int) else 1 for tag in (WIDTH, HEIGHT, SAMPLES))
    check_size(path, width, height * -(-bands // 3), max_pixels=max_pixels)
    reader = require("tifffile", extra="geo", purpose=f"reading {path}, a TIFF of {kind}")
    with decoding(path), reader.TiffFile(path) as file:
        page = file.pages[0]
        values = page_values(page) if "S" in page.axes else page_values(page)[..., None]
    if values.ndim != 3:
        raise InputError(f"{path} holds {' x '.join(map(str, values.shape))} numbers; a picture is height x width")
    return upright(values, tags.get(ORIENTATION, 1))


def _without_alpha(values: Shaped[np.ndarray, "h w c"], tags: Mapping[int, Any]) -> Shaped[np.ndarray, "h w d"]:
    colors = _COLORS.get(tags.get(PHOTOMETRIC, 1), 0)
    alpha = values.shape[2] == colors + 1 and tags.get(EXTRA) in _ALPHA
    return values[..., :colors] if alpha else values


def _is_floating(tags: Mapping[int, Any]) -> bool:
    return number_type(tags).startswith("float")


def is_deep(tags: Mapping[int, Any]) -> bool:
    """Return True for numbers of more than 8 bits, or with a sign, that are greys, colours or bands."""
    plain = number_type(tags).startswith("uint") and bits_of(tags) <= 8
    return not plain and tags.get(PHOTOMETRIC, 1) in _COLORS
