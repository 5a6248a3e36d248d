"""Masks that show classes by colour: RGB pictures whose colours the schema lists."""

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64, Integer, UInt8

from atrous.data.schema import SCHEMA_FILE, Schema, apply_schema, hex_color, mask_dtype
from atrous.errors import InputError
from atrous.labels import Color

_SHOWN = 4
MOST_VALUES = 4096
"""Values of a mask that tell its meaning: class ids are fewer, a photo in place of a mask has a million."""
_COUNTED = 2**22  # pixels at a time
_KEPT = 256
"""Values of a mask that are kept, the most frequent ones: a photo in place of a mask has a million."""


def color_ids(colors: UInt8[np.ndarray, "h w 3"], *, schema: Schema, path: Path) -> Integer[np.ndarray, "h w"]:
    """Turn the colours of a mask into class ids.

    A mask whose pixels all have colours of the schema counts by colour. One of greys (R = G = B) may also be numbers
    that some tool stored as RGB: it counts by number where the greys are no colours of the schema, and is refused where
    both readings make sense and differ. Black and white alone count by colour where both are colours of the schema and
    no `remap` gives numbers: as numbers they would be one class and the ignore value, which nobody stores in RGB.

    Args:
        colors: RGB as read from the file.
        schema: Colours of the classes (`colors`), further colours (`remap`), and what numbers mean.
        path: The file, for the message.

    Returns:
        Class ids and ignore value, of `mask_dtype`.

    Raises:
        InputError: If a colour has no meaning, or two classes have the same; the line names colours and pixel counts.
    """
    packed = packed_colors(colors)
    found, inverse = np.unique(packed, return_inverse=True)
    meaning = _meaning(schema, path=path)
    by_color = np.array([meaning.get(color, -1) for color in found.tolist()], np.int32)
    greys = found % 0x10101 == 0
    numbers = found & 0xFF
    by_number = np.array([schema.meaning.get(value, -1) for value in numbers.tolist()], np.int32)
    if not greys.all() or not (by_number >= 0).all():
        _check_known(packed, by_color[inverse] >= 0, path=path)
    elif (by_color < 0).any():
        return apply_schema(colors[..., 0], schema=schema, path=path)
    elif (by_color != by_number).any() and (schema.remap or not {*numbers.tolist()} <= {0, schema.labels.ignore}):
        raise InputError(
            f"{path} is an RGB picture of greys that mean one thing as colours and another as class ids; "
            "save masks as 8-bit grey or palette PNG"
        )
    return by_color[inverse].reshape(packed.shape).astype(mask_dtype(schema.labels))


def packed_colors(colors: UInt8[np.ndarray, "h w 3"]) -> Int64[np.ndarray, "h w"]:
    """RGB as one number, 0xRRGGBB."""
    return colors.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])


def value_counts(values: Integer[np.ndarray, "..."], *, most: int = _KEPT) -> dict[int, int]:
    """The pixels of each of the `most` most frequent values, in the order of the values."""
    found, counts = np.unique(values, return_counts=True) if values.itemsize > 2 else _binned(values)
    kept = np.sort(np.argsort(-counts, kind="stable")[:most])
    return dict(zip(found[kept].tolist(), counts[kept].tolist(), strict=True))


def occurrences(values: Integer[np.ndarray, "..."], *, length: int = 0) -> Int64[np.ndarray, " n"]:
    """Number of pixels of each value from 0 to the largest one, or to `length` - 1 where that is more.

    The pixels are counted some at a time, for numpy turns what it counts into 64 bits: 2 GiB for 16384 x 16384.
    """
    flat, length = values.ravel(), max(length, int(values.max(initial=0)) + 1)
    counts = np.zeros(length, np.int64)
    for start in range(0, flat.size, _COUNTED):
        counts += np.bincount(flat[start : start + _COUNTED], minlength=length)
    return counts


def _binned(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts = occurrences(values)
    found = np.flatnonzero(counts)
    return found, counts[found]


def _meaning(schema: Schema, *, path: Path) -> dict[int, int]:
    """The class id, or ignore value, of every packed colour."""
    meaning = {_pack(color): target for color, target in schema.recolor.items()}
    for label, color in enumerate(schema.labels.palette):
        if meaning.setdefault(_pack(color), label) != label:
            raise InputError(
                f"{path} counts by colour, but {hex_color(color)} stands for two classes in {SCHEMA_FILE}; "
                "give every class a colour of its own"
            )
    return meaning


def _check_known(packed: Int64[np.ndarray, "h w"], known: Bool[np.ndarray, "..."], *, path: Path) -> None:
    strays, counts = np.unique(packed.ravel()[~known.ravel()], return_counts=True)
    if not len(strays):
        return
    order = np.argsort(-counts, kind="stable")[:_SHOWN]
    first = zip(strays[order].tolist(), counts[order].tolist(), strict=True)
    shown = ", ".join(f'"#{color:06x}" ({count} pixel{"s" * (count != 1)})' for color, count in first)
    rest = len(strays) - len(order)
    more = f" and {rest} more" if rest else ""
    raise InputError(
        f"{path} has colours that no class has: {shown}{more}; list them in colors or [remap] of {SCHEMA_FILE}, "
        "or correct the mask (smoothed edges make such colours)"
    )


def _pack(color: Color) -> int:
    return int.from_bytes(bytes(color), "big")
