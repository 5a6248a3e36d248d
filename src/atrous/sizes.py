"""Image sizes: height x width, or one number for a square."""

import re

from atrous.errors import InputError

Size = tuple[int, int]
"""(height, width) in pixels."""


def ceil_div(length: int, divisor: int) -> int:
    """Return length / divisor, rounded up."""
    return (length + divisor - 1) // divisor  # of numbers that are not negative: exported graphs round these alike


def size_text(size: tuple[int, ...]) -> str:
    """Return `1025x2049` for (1025, 2049) or for the shape of an array of that height and width."""
    return f"{size[0]}x{size[1]}"


def parse_size(text: str) -> Size:
    """Return (height, width) of `513` or `1025x2049`; raises InputError for any other text."""
    match = re.fullmatch(r"(\d{1,9})(?:x(\d{1,9}))?", text, flags=re.ASCII)
    if match is None:
        raise InputError(f"size {text!r} is not a size; give pixels, as 513 or 1025x2049 (height x width)")
    return int(match[1]), int(match[2] or match[1])
