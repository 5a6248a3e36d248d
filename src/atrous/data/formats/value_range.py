"""The numbers that are black and white in pictures of more than 8 bits, and stretching between them.

In `schema.toml`, for all bands or one pair per band:

    [picture]
    range = [0, 4095]
"""

import sys
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt8

Ranges = tuple[tuple[float, float], ...]
"""Pairs (black, white): one for all bands, one per band, or none where nothing is declared."""

_ROWS = 2**22
"""Numbers that are stretched at a time: in floating point they need eight times the memory of the result."""


def parse_ranges(value: Any) -> Ranges:
    """The ranges of a list of two numbers, or of a list of such lists.

    Raises:
        ValueError: If it is anything else, or black is not below white.
    """
    pairs = value if isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple) else [value]
    found: list[tuple[float, float]] = []
    for pair in pairs:
        numbers = isinstance(pair, list | tuple) and len(pair) == 2 and all(type(one) in (int, float) for one in pair)
        if not numbers or not all(abs(one) <= sys.float_info.max for one in pair) or not pair[0] < pair[1]:
            raise ValueError(
                f"range: {value!r:.80}: give the numbers that are black and white, such as [0, 4095], or one pair per "
                "band: [[0, 4095], [0, 10000]]"
            )
        found.append((float(pair[0]), float(pair[1])))
    return tuple(found)


def range_text(ranges: Ranges) -> str:
    """The value of `range` in `schema.toml`."""
    shown = [f"[{low:.17g}, {high:.17g}]" for low, high in ranges]
    return shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"


def stretched(values: Shaped[np.ndarray, "h w c"], ranges: Ranges) -> UInt8[np.ndarray, "h w c"]:
    """Numbers as 0..255: black becomes 0, white 255, rounded half up; what is beyond is cut, NaN is black.

    Raises:
        ValueError: If there are several ranges, but not one per band.
    """
    bands = values.shape[2]
    if len(ranges) not in (1, bands):
        raise ValueError(f"{len(ranges)} ranges for {bands} bands; declare one pair, or one per band")
    low, high = np.array(ranges, np.float64).T
    found = np.empty(values.shape, np.uint8)
    step = max(_ROWS // (values.shape[1] * bands), 1)
    for top in range(0, len(values), step):
        part = values[top : top + step].astype(np.float64)
        part = np.nan_to_num((part - low) / (high - low) * 255 + 0.5, nan=0.0).clip(0, 255)
        found[top : top + step] = part.astype(np.uint8)
    return found
