"""Label maps as PNG files: pixel values are class ids, the palette shows them in colour; whole, or row by row."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Integer
from PIL import Image

from atrous.files import atomic_path
from atrous.labels import LabelSpace
from atrous.report.label_colors import ignore_color, label_index
from atrous.sizes import Size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INDEXED, _GREY = 3, 0
_BUFFER = 2**20


def write_label_png(path: Path, labels: Integer[np.ndarray, "h w"], space: LabelSpace) -> None:
    """Write `labels` so that reading the file gives the same numbers back.

    Up to 255 classes and an ignore value of up to 255: indexed 8-bit PNG with the colours of the classes and of ignored
    pixels. Other label spaces: 16-bit grey PNG, which has no palette.

    Args:
        path: The file, replaced as a whole or not at all.
        labels: Class ids and the ignore value, in any integer type.
        space: Names the ids that may occur and their colours.

    Raises:
        InputError: If a value is neither a class id nor the ignore value, or the file cannot be written.
    """
    label_index(labels, space, where=str(path))
    palette = label_palette(space)
    picture = Image.fromarray(labels.astype(label_dtype(space)))
    if palette is not None:
        picture.putpalette(palette)
    with atomic_path(path) as temporary:
        picture.save(temporary, format="PNG")


def label_dtype(space: LabelSpace) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
    """Number type of the label maps of a space in files: 8 bits where they hold its classes and its ignore value."""
    return np.dtype(np.uint8) if len(space) <= 255 and space.ignore <= 255 else np.dtype(np.uint16)


def label_palette(space: LabelSpace) -> bytes | None:
    """RGB of all 256 values of an indexed picture; None for label maps of 16 bits, which have no palette."""
    if label_dtype(space) != np.uint8:
        return None
    # All 256 entries: with fewer, the encoder packs several pixels into a byte, which some readers get wrong.
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(space)] = space.palette
    palette[space.ignore] = ignore_color(space)
    return palette.tobytes()


@contextmanager
def label_rows(path: Path, space: LabelSpace, *, size: Size) -> Iterator[Callable[[Integer[np.ndarray, "n w"]], None]]:
    """Write a label map of any size: the block gets a function that takes the rows in order, some at a time.

    The file appears when the block ends, so that no map needs to fit into memory.

    Palette and depth are those of `write_label_png`.

    Args:
        path: The file, replaced as a whole or not at all.
        space: Names the class ids that may occur, and their colours.
        size: (height, width) of the map.

    Raises:
        InputError: If the file cannot be written.
    """
    palette = label_palette(space)
    kind, numbers = _GREY if palette is None else _INDEXED, label_dtype(space).newbyteorder(">")  # of PNG
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(SIGNATURE)
        _chunk(file, b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], 8 * numbers.itemsize, kind, 0, 0, 0))
        if palette is not None:
            _chunk(file, b"PLTE", palette)
        packer, packed = zlib.compressobj(), bytearray()

        def write(rows: Integer[np.ndarray, "n w"]) -> None:
            for row in rows:
                packed.extend(packer.compress(b"\0" + row.astype(numbers).tobytes()))  # 0: the row is not filtered
                if len(packed) > _BUFFER:
                    _chunk(file, b"IDAT", packed)
                    packed.clear()

        yield write
        _chunk(file, b"IDAT", packed + packer.flush())
        _chunk(file, b"IEND", b"")


def _chunk(file: BinaryIO, name: bytes, content: bytes | bytearray) -> None:
    file.write(struct.pack(">I", len(content)) + name + content)
    file.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(name))))
