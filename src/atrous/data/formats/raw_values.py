"""The numbers of PNG and TIFF masks as they stand in the file, where Pillow would change or refuse them.

Pillow keeps the upper 8 of 16 bits of colours, inverts greys whose 0 is white, and reads the first page alone. Such
files are decoded by tifffile and imagecodecs (extra `geo`); all others are left to Pillow.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Integer, Shaped, UInt16
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from atrous.data.formats.decoding import ALTERED, check_size, decoding
from atrous.errors import InputError
from atrous.extras import require

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION, SAMPLES, PLANAR, EXTRA, FORMAT = (
    256, 257, 258, 259, 262, 274, 277, 284, 338, 339
)  # fmt: skip
NODATA = 42113
"""GDAL's tag for the number that marks pixels without data."""
_LOSSY = {6: "JPEG", 7: "JPEG", 34892: "lossy JPEG", 34933: "PNG with loss", 50002: "JPEG XL"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE = range(4)
_NEXT_PAGE = -1
"""Key under which `tiff_tags` gives the place of the next page, 0 where there is none."""
PNG_START, _DEEP_COLORS, _DEEP_KINDS = b"\x89PNG\r\n\x1a\n", (2, 4, 6), (0, 2, 4, 6)
_MOST_PAGES = 1024


def tiff_tags(path: Path) -> Mapping[int, Any]:
    """The first directory of a TIFF; empty for other files, and for those whose directory is damaged."""
    if not path.is_file():  # opening a pipe would wait for ever
        return {}
    try:
        with path.open("rb") as file:
            header = file.read(8)
            if header[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
                return {}
            if b"+" in header[2:4]:  # BigTIFF; Pillow knows it by the third byte, whatever the byte order
                directory = ImageFileDirectory_v2(b"II+\0" + header[4:] + file.read(8), prefix=header[:2])
            else:
                directory = ImageFileDirectory_v2(header)
            file.seek(directory.next)
            directory.load(file)
            return {**directory, _NEXT_PAGE: directory.next}
    except Exception:  # whatever a damaged directory raises, reading the picture will say it
        return {}


def raw_mask(path: Path, *, max_pixels: int) -> Integer[np.ndarray, "h w"] | None:
    """Numbers of a mask that Pillow would change; None for files that Pillow reads as they are.

    Pixels that are NaN, -1 or the number that the file marks as no data (but for 0, which tools also write for a
    class) have no label: they become 255, or 65535 where 255 is used. Pages that are each 255 (or 1) where their class
    is become class ids.

    Args:
        path: A file that exists.
        max_pixels: Refuse masks of more pixels before decoding them.

    Returns:
        uint8, or uint16 where values exceed 255.

    Raises:
        InputError: If the file is damaged, too large, compressed with loss, or holds other things than class ids.
    """
    values = deep_png(path, max_pixels=max_pixels, kinds=_DEEP_COLORS)
    if values is not None:
        return _one_plane(path, values)
    tags = tiff_tags(path)
    if not tags:
        return None
    if (method := tags.get(COMPRESSION)) in _LOSSY:
        raise InputError(f"{path} is compressed as {_LOSSY[method]}, which {ALTERED}; save masks as PNG")
    return None if _is_plain(tags) else _tiff_pages(path, tags, max_pixels=max_pixels)


def number_type(tags: Mapping[int, Any]) -> str:
    """The type of the numbers of a TIFF in numpy's words: `uint16`, `float64`, ..."""
    kind = _first(tags, FORMAT)
    return {1: "uint", 2: "int", 3: "float", 5: "complex int", 6: "complex"}.get(kind, "uint") + str(_first(tags, BITS))


def bits_of(tags: Mapping[int, Any]) -> int:
    """Bits per band of a TIFF."""
    return _first(tags, BITS)


def _is_plain(tags: Mapping[int, Any]) -> bool:
    """Return True for one page of unsigned numbers that Pillow decodes without changing them."""
    bits, samples = _first(tags, BITS), _first(tags, SAMPLES)
    return (
        not tags[_NEXT_PAGE]
        and _first(tags, FORMAT) == 1
        and (samples == 1 or _first(tags, PLANAR) == 1)
        and (bits <= 8 or (bits == 16 and samples == 1 and tags.get(PHOTOMETRIC) != _PALETTE))
        and tags.get(PHOTOMETRIC, _BLACK_IS_ZERO) != _WHITE_IS_ZERO
        and nodata_mark(tags) in (None, 0.0, *((255.0,) if bits <= 8 else ()))
    )


def _first(tags: Mapping[int, Any], tag: int) -> int:
    """The first number of a tag; 1, TIFF's default of those that are asked for, where there is none."""
    value = tags.get(tag)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else 1


def deep_png(
    path: Path, *, max_pixels: int, kinds: tuple[int, ...] = _DEEP_KINDS
) -> UInt16[np.ndarray, "h w *c"] | None:
    """The numbers of a PNG of 16 bits per channel and one of these colour types; None for other files.

    Raises:
        InputError: If the file is damaged or too large.
    """
    with path.open("rb") as file:
        head = file.read(33)
    if head[:8] != PNG_START or head[24:26] not in [bytes((16, kind)) for kind in kinds]:
        return None
    width, height = (int.from_bytes(head[start : start + 4], "big") for start in (16, 20))
    check_size(path, width, height, max_pixels=max_pixels)
    codec = require("imagecodecs", extra="geo", purpose=f"reading {path}, a PNG of 16 bits per channel")
    with decoding(path):
        return codec.png_decode(path.read_bytes())


def _tiff_pages(path: Path, tags: Mapping[int, Any], *, max_pixels: int) -> Integer[np.ndarray, "h w"]:
    reader = require("tifffile", extra="geo", purpose=f"reading {path}, a TIFF of {number_type(tags)}")
    with decoding(path), reader.TiffFile(path) as file:
        if len(file.pages) > _MOST_PAGES:
            raise InputError(f"{path} has {len(file.pages)} pages; a mask has one")
        # Overviews and transparency masks are no further masks.
        pages = [page for page in file.pages if not page.is_reduced and not page.is_mask] or [file.pages[0]]
        check_size(path, pages[0].imagewidth, pages[0].imagelength * len(pages), max_pixels=3 * max_pixels)
        values = [page_values(page) for page in pages]
    turn = tags.get(ORIENTATION, 1)
    if len(values) > 1:
        return _class_per_page(path, [upright(page, turn) if page.ndim == 2 else page for page in values])
    return _one_plane(path, upright(values[0], turn), mark=nodata_mark(tags))


def page_values(page: Any) -> Shaped[np.ndarray, "h w *c"]:
    """The numbers of a page that tifffile has opened, bands last."""
    values = np.asarray(page.asarray())
    return np.moveaxis(values, page.axes.index("S"), -1) if "S" in page.axes else values


def _one_plane(
    path: Path, values: Shaped[np.ndarray, "h w *c"], *, mark: float | None = None
) -> Integer[np.ndarray, "h w"]:
    """The numbers of an array of one channel, or of equal channels; an opaque alpha channel is left out."""
    if values.ndim == 3 and values.shape[2] in (2, 4):
        if (values[..., -1] != np.iinfo(values.dtype).max).any():
            raise InputError(f"{path} has transparent pixels, whose class is unclear; save masks without alpha")
        values = values[..., :-1]
    if values.ndim == 3:
        if (values != values[..., :1]).any():
            raise InputError(
                f"{path} holds {values.shape[2]} different channels of {values.dtype}; "
                "save masks as 8-bit RGB or as one channel of class ids"
            )
        values = values[..., 0]
    if values.ndim != 2:
        raise InputError(f"{path} holds {' x '.join(map(str, values.shape))} numbers; a mask is height x width")
    return _class_ids(path, values, mark=mark)


def _class_ids(path: Path, values: Shaped[np.ndarray, "h w"], *, mark: float | None) -> Integer[np.ndarray, "h w"]:
    if values.dtype.kind not in "buif":
        raise InputError(f"{path} holds {values.dtype}; save class ids as 8- or 16-bit PNG")
    absent = _without_label(values, mark=mark)
    labelled = values[~absent] if absent.any() else values
    if labelled.size and (
        labelled.min() < 0 or labelled.max() > 65535 or (values.dtype.kind == "f" and (labelled % 1).any())
    ):
        raise InputError(
            f"{path} holds {values.dtype} values outside the integers 0..65535 "
            f"({labelled.min()} to {labelled.max()}); save class ids as 8- or 16-bit PNG"
        )
    largest = int(labelled.max()) if labelled.size else 0
    unlabelled = 255 if largest < 255 else 65535
    wide = largest > 255 or (absent.any() and unlabelled > 255)
    found = np.where(absent, 0, values).astype(np.uint16 if wide else np.uint8)
    found[absent] = unlabelled if absent.any() else 0
    return found


def upright(values: Shaped[np.ndarray, "h w *c"], orientation: Any) -> Shaped[np.ndarray, "H W *c"]:
    """Turn and mirror an array as an orientation of EXIF or TIFF, 1 to 8, says."""
    match orientation:
        case 2:
            return values[:, ::-1]
        case 3:
            return values[::-1, ::-1]
        case 4:
            return values[::-1]
        case 5:
            return values.swapaxes(0, 1)
        case 6:
            return values.swapaxes(0, 1)[:, ::-1]
        case 7:
            return values.swapaxes(0, 1)[::-1, ::-1]
        case 8:
            return values.swapaxes(0, 1)[::-1]
        case _:
            return values


def nodata_mark(tags: Mapping[int, Any]) -> float | None:
    """The number that marks pixels without data by GDAL's tag 42113; None where there is none."""
    try:
        mark = float(str(tags[NODATA]).strip("\0 "))
    except (KeyError, ValueError):
        return None
    return None if np.isnan(mark) else mark


def _without_label(values: Shaped[np.ndarray, "h w"], *, mark: float | None) -> Bool[np.ndarray, "h w"]:
    """Pixels that no tool would count: NaN, -1, and the number that GDAL marks as no data, unless that is 0."""
    absent = values == -1 if values.dtype.kind in "if" else np.zeros(values.shape, bool)
    if values.dtype.kind == "f":
        absent |= np.isnan(values)
    return absent if mark in (None, 0.0) else absent | (values == np.asarray(mark).astype(_comparable(values.dtype)))


def _comparable(dtype: np.dtype) -> np.dtype:
    """The file's own type for floating point: -3.4028235e38 in the tag is the smallest number of 32 bits."""
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def _class_per_page(path: Path, pages: list[Shaped[np.ndarray, "..."]]) -> Integer[np.ndarray, "h w"]:
    """Class ids of pages that each show one class in white (255 or 1) on black."""
    number = len(pages)
    if any(page.shape != pages[0].shape or page.ndim != 2 for page in pages) or number > 255:
        raise InputError(f"{path} has {number} pages of several kinds; a mask has one")
    shown = np.stack([page != 0 for page in pages])
    if any(len(np.unique(page)) > 2 for page in pages) or (shown.sum(axis=0) != 1).any():
        raise InputError(
            f"{path} has {number} pages; a mask has one, or one per class that together cover each pixel once"
        )
    return shown.argmax(axis=0).astype(np.uint8)
