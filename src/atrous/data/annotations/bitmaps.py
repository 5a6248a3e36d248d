"""Parts of a picture as bitmaps within annotation files: PNGs in base64, Label Studio's brush strokes."""

import base64
import io
import zlib

import numpy as np
from jaxtyping import Bool
from PIL import Image

from atrous.data.annotations.regions import Region
from atrous.data.formats.images import MAX_PIXELS
from atrous.sizes import Size


def decode_brush(data: bytes, *, size: Size) -> Bool[np.ndarray, "h w"]:
    """The pixels that Label Studio's brush painted; raises ValueError where the bytes end early.

    A stream of bits: 32 for the number of values, 5 for the bits of a value less one, four times 4 for the bits of the
    lengths less one. Then blocks: one bit that says run or literals, two bits for which length, the length less one,
    and one value or so many. The values are the bytes of an RGBA picture, row by row; what is opaque is painted.
    """
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    place = 0

    def number(width: int) -> int:
        nonlocal place
        if place + width > len(bits):
            raise ValueError("brush strokes that end early")
        value = int("".join(map(str, bits[place : place + width].tolist())), 2)
        place += width
        return value

    count, width = number(32), number(5) + 1
    if count != size[0] * size[1] * 4:
        raise ValueError("brush strokes of a picture of another size")
    lengths = [number(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint8)
    done = 0
    while done < count:
        is_run = number(1)
        length = number(lengths[number(2)]) + 1
        if done + length > count:
            raise ValueError("brush strokes longer than the picture")
        if is_run:
            values[done : done + length] = number(width) & 255
        else:
            values[done : done + length] = [number(width) & 255 for _ in range(length)]
        done += length
    return values.reshape(*size, 4)[..., 3] > 0


def bitmap_of(data: str, *, packed: bool = False) -> Bool[np.ndarray, "h w"]:
    """The pixels of a picture in base64 that are not 0 (transparent pixels count as 0); raises ValueError."""
    try:
        raw = base64.b64decode(data, validate=False)
        if packed:
            unpacking = zlib.decompressobj()
            raw = unpacking.decompress(raw, 2**26)
        with Image.open(io.BytesIO(raw), formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError("a bitmap larger than any picture")
            values = np.array(picture.convert("RGBA") if picture.has_transparency_data else picture.convert("L"))
    except (ValueError, MemoryError):
        raise
    except Exception as error:  # a damaged file makes decoders raise nearly anything
        raise ValueError("a bitmap that is no PNG") from error
    return values[..., 3] > 0 if values.ndim == 3 else values > 0


def placed(inside: Bool[np.ndarray, "h w"], origin: tuple[int, int], *, size: Size) -> Region:
    """A bitmap at a place (column, row) of a picture, cut off at its edges."""
    column, row = origin
    top, left = max(row, 0), max(column, 0)
    kept = inside[top - row : max(size[0] - row, 0), left - column : max(size[1] - column, 0)]
    return Region(min(top, size[0]), min(left, size[1]), kept)
