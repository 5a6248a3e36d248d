"""Label maps of any size as PNG, written row by row: what no library at hand does."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Integer

from atrous.files import atomic_path
from atrous.labels import LabelSpace
from atrous.report.label_png import label_palette
from atrous.sizes import Size

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_INDEXED, _GREY = 3, 0
_BUFFER = 2**20


@contextmanager
def label_rows(path: Path, space: LabelSpace, *, size: Size) -> Iterator[Callable[[Integer[np.ndarray, "n w"]], None]]:
    """A function to be given all rows of a label map in order, some at a time; the file is there when the block ends.

    Palette and depth are those of `write_label_png`.

    Args:
        path: The file, replaced as a whole or not at all.
        space: Names the class ids that may occur, and their colours.
        size: (height, width) of the map.

    Raises:
        InputError: If the file cannot be written.
    """
    palette = label_palette(space)
    depth, kind, numbers = (16, _GREY, np.dtype(">u2")) if palette is None else (8, _INDEXED, np.dtype(np.uint8))
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(SIGNATURE)
        _chunk(file, b"IHDR", struct.pack(">IIBBBBB", size[1], size[0], depth, kind, 0, 0, 0))
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
