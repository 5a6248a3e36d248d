"""Pictures that are read part by part: arrays, decoded pictures, mapped `.npy` files, TIFFs in tiles or strips."""

from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from atrous.data.formats.decoding import check_size, decoding
from atrous.data.formats.deep_pictures import in_range, is_deep, missing_pixels, without_data
from atrous.data.formats.images import DECLARE, MAX_PIXELS, decoded, rgb_array
from atrous.data.formats.raw_values import nodata_mark, tiff_tags
from atrous.data.formats.tiff import eight_bits, is_stored_plainly, picture_size, read_picture
from atrous.data.formats.value_range import Ranges
from atrous.errors import InputError, reason
from atrous.extras import installed, require
from atrous.sizes import Size, size_text

KEPT_BYTES = 2**27
"""Decoded tiles or strips of a TIFF that are kept: those that the next window is likely to want, too."""

SEGMENT_BYTES = 2**28
"""Largest tile or strip of a TIFF that is decoded."""


@runtime_checkable
class Pixels(Protocol):
    """A picture of which any part can be read.

    Attributes:
        size: (height, width) in pixels.
        channels: Red, green and blue, or the bands there are.
    """

    size: Size
    channels: int

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "h w c"]:
        """A copy of some rows and columns; raises InputError where the file is damaged."""
        ...


class ArrayPixels:
    """A picture in memory.

    Args:
        array: uint8 `[h, w, c]`.
        missing: True at pixels without data; None where all have data.
    """

    def __init__(self, array: UInt8[np.ndarray, "h w c"], *, missing: Bool[np.ndarray, "h w"] | None = None) -> None:
        self._array, self._missing = array, missing
        self.size = (array.shape[0], array.shape[1])
        self.channels = array.shape[2]

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "h w c"]:
        """A copy of some rows and columns."""
        return np.array(self._array[rows, columns], order="C")

    def missing(self, rows: slice) -> Bool[np.ndarray, "h w"] | None:
        """True at pixels without data in some rows; None where all have data."""
        return None if self._missing is None else self._missing[rows]


class DecodedPixels:
    """A picture that was decoded as a whole and becomes RGB part by part: a flat grey one takes a byte per pixel.

    Args:
        path: The file, of any format but TIFF.
        max_pixels: Refuse pictures of more pixels before decoding them.

    Raises:
        InputError: As `read_image`; where values decide, while a part is read.
    """

    def __init__(self, path: Path, *, max_pixels: int = MAX_PIXELS) -> None:
        self._name, self._picture = str(path), decoded(path, max_pixels=max_pixels)
        self.size = (self._picture.height, self._picture.width)
        self.channels = 3

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "h w c"]:
        """A copy of some rows and columns."""
        box = (columns.start, rows.start, columns.stop, rows.stop)
        return rgb_array(self._picture.crop(box), name=self._name)


class NpyPixels:
    """A `.npy` file of uint8 `[h, w, c]`, mapped anew for every read: pages that were read are given back.

    Raises:
        InputError: If the file is missing, damaged, or holds something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        array = self._mapped()
        if array.dtype != np.uint8 or array.ndim != 3 or not array.size:
            raise InputError(f"{path} holds {array.dtype} {list(array.shape)}; save uint8 [height, width, channels]")
        self.size = (array.shape[0], array.shape[1])
        self.channels = array.shape[2]

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "h w c"]:
        """A copy of some rows and columns."""
        return np.array(self._mapped()[rows, columns], order="C")

    def _mapped(self) -> np.ndarray:
        with decoding(self._path):
            try:
                return np.lib.format.open_memmap(self._path, mode="r")
            except ValueError as error:  # no such header, objects, fewer bytes than stated
                line = f"cannot read {self._path}: {reason(error)}; save it with numpy.save, without objects"
                raise InputError(line) from error


class TiffPixels:
    """The first image of a TIFF, in its tiles or strips.

    Args:
        path: The file, of 8- or 16-bit integers, or of any numbers where ranges are given.
        ranges: Numbers that are black and white in pictures of more than 8 bits per band.

    Raises:
        InputError: If it cannot be read so, or its tiles or strips are huge.
    """

    def __init__(self, path: Path, *, ranges: Ranges = ()) -> None:
        tifffile = _reader(path)
        self._path = path
        tags = tiff_tags(path)
        self._ranges, self._mark = ranges if is_deep(tags) else (), nodata_mark(tags)
        with decoding(path):
            with tifffile.TiffFile(path) as file:
                self._page: Any = file.pages[0]
                self._places = list(zip(self._page.dataoffsets, self._page.databytecounts, strict=True))
                self._tables = {"jpegtables": self._page.jpegtables, "jpegheader": self._page.jpegheader}
                self._decode = self._page.decode
            _, depth, height, width, contiguous = self._page.shaped
            segment = int(np.prod(self._page.chunks)) * self._page.dtype.itemsize
        if depth != 1 or (self._page.dtype not in (np.uint8, np.uint16) and not self._ranges):
            raise InputError(f"{path} holds {self._page.dtype}; {DECLARE}")
        if segment > SEGMENT_BYTES:
            raise InputError(
                f"{path} has tiles or strips of {segment >> 20} MiB; save it in tiles of 256 to 1024 pixels"
            )
        self.size = (height, width)
        self._stored = self._page.shaped[0]
        self.channels = self._stored * contiguous
        self._kept: OrderedDict[int, tuple[np.ndarray, tuple[int, ...]]] = OrderedDict()

    def read(self, rows: slice, columns: slice) -> UInt8[np.ndarray, "h w c"]:
        """A copy of some rows and columns."""
        values = self._window(rows, columns)
        return in_range(values, self._ranges, path=self._path) if self._ranges else eight_bits(values)

    def missing(self, rows: slice) -> Bool[np.ndarray, "h w"] | None:
        """True at pixels without data in some rows; None where all have data."""
        if self._mark is None and self._page.dtype.kind != "f":
            return None
        missing = without_data(self._window(rows, slice(0, self.size[1])), mark=self._mark)
        return missing if missing.any() else None

    def _window(self, rows: slice, columns: slice) -> Shaped[np.ndarray, "h w c"]:
        found = np.zeros((rows.stop - rows.start, columns.stop - columns.start, self.channels), self._page.dtype)
        for number in self._numbers(rows, columns):
            part, (plane, _, top, left, _) = self._segment(number)
            bottom, right, bands = top + part.shape[0], left + part.shape[1], part.shape[2]
            up, down = max(top, rows.start), min(bottom, rows.stop)
            begin, end = max(left, columns.start), min(right, columns.stop)
            if up < down and begin < end:
                window = found[up - rows.start : down - rows.start, begin - columns.start : end - columns.start]
                window[..., plane * bands : (plane + 1) * bands] = part[
                    up - top : down - top, begin - left : end - left
                ]
        return found

    def _numbers(self, rows: slice, columns: slice) -> list[int]:
        """The segments that a window touches: row by row, plane after plane."""
        (height, width), page = self.size, self._page
        down, across = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, width)
        per_row, per_column = -(-width // across), -(-height // down)
        return [
            (plane * per_column + row) * per_row + column
            for plane in range(self._stored)
            for row in range(rows.start // down, -(-rows.stop // down))
            for column in range(columns.start // across, -(-columns.stop // across))
        ]

    def _segment(self, number: int) -> tuple[np.ndarray, tuple[int, ...]]:
        """A segment `[h, w, bands]` and (plane, depth, row, column, band) of its first pixel."""
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        with decoding(self._path):
            offset, length = self._places[number]
            with self._path.open("rb") as file:
                file.seek(offset)
                values, place, shape = self._decode(file.read(length), number, **self._tables)
            assert values is not None
            part = np.asarray(values)[0, : shape[1], : shape[2]]
        self._kept[number] = part, place
        while sum(kept.nbytes for kept, _ in self._kept.values()) > KEPT_BYTES and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return self._kept[number]


def open_pixels(path: Path, *, max_pixels: int = MAX_PIXELS, ranges: Ranges = ()) -> Pixels:
    """A picture to be read part by part where its format allows that, else decoded as a whole.

    By parts are read `.npy` files of uint8 `[h, w, c]`, and TIFFs of RGB or of many bands, in tiles or strips.

    Args:
        path: The file.
        max_pixels: Refuse to decode more pixels as a whole.
        ranges: Numbers that are black and white in pictures of more than 8 bits per band.

    Raises:
        InputError: As `read_picture`, and if an array is of other numbers or sizes.
    """
    if path.suffix.lower() == ".npy":
        return NpyPixels(path)
    height, width = picture_size(path)
    if is_stored_plainly(path) and (height * width > max_pixels or installed("tifffile")):
        return TiffPixels(path, ranges=ranges)
    if not tiff_tags(path) and not ranges:
        return DecodedPixels(path, max_pixels=max_pixels)
    pixels = read_picture(path, max_pixels=max_pixels, ranges=ranges)
    return ArrayPixels(pixels, missing=missing_pixels(path, max_pixels=max_pixels))


def missing_rows(pixels: Pixels, rows: slice) -> Bool[np.ndarray, "h w"] | None:
    """True at pixels without data in some rows of what `open_pixels` returned; None where all have data."""
    return pixels.missing(rows) if isinstance(pixels, ArrayPixels | TiffPixels) else None


def read_whole(path: Path, *, max_pixels: int = MAX_PIXELS, ranges: Ranges = ()) -> UInt8[np.ndarray, "h w c"]:
    """All of what `open_pixels` takes; raises the same, also for arrays of more pixels than `max_pixels`."""
    if path.suffix.lower() != ".npy":
        return read_picture(path, max_pixels=max_pixels, ranges=ranges)
    pixels = NpyPixels(path)
    height, width = pixels.size
    check_size(path, width, height, max_pixels=max_pixels)
    return pixels.read(slice(0, height), slice(0, width))


def stored_size(path: Path) -> Size:
    """(height, width) of what `open_pixels` takes, as it is in the file; raises the same."""
    return NpyPixels(path).size if path.suffix.lower() == ".npy" else picture_size(path)


def _reader(path: Path) -> ModuleType:
    return require("tifffile", extra="geo", purpose=f"reading {path} part by part")


def check_channels(pixels: Pixels, *, channels: int) -> None:
    """Refuse pictures of other channels than a model takes."""
    if pixels.channels != channels:
        raise InputError(
            f"a picture of {size_text(pixels.size)} pixels and {pixels.channels} channels; the model takes {channels}"
        )
