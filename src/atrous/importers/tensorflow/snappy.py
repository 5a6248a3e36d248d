"""Snappy decompression, for the blocks of older checkpoints.

The stream is the length of the result and then elements: a run of literal bytes, or a copy of bytes that were already
written, up to 64 from a distance that may be shorter than the run.
"""

from atrous.errors import InputError
from atrous.importers.protobuf import read_varint

_MOST_EXPANSION = 32
"""No element writes more than 64 bytes from 3."""


def decompress(content: memoryview, *, most: int) -> bytes:
    """The plain bytes, up to `most` of them.

    Raises:
        InputError: If the stream is damaged, or grows beyond that or more than any can.
    """
    length, position = read_varint(content, 0)
    if length > min(_MOST_EXPANSION * len(content), most):
        raise InputError(f"{len(content)} compressed bytes claim to be {length} plain ones")
    plain = bytearray()
    while position < len(content):
        tag = content[position]
        if tag & 3 == 0:
            run, position = _literal_length(content, position)
            if run > len(content) - position:
                raise InputError("a compressed run is cut off")
            plain += content[position : position + run]
            position += run
        else:
            run, distance, position = _copy(content, position)
            if not 0 < distance <= len(plain):
                raise InputError(f"a compressed run starts {distance} bytes back of {len(plain)}")
            start = len(plain) - distance
            repeated = plain[start : start + run]
            plain += (repeated * (run // len(repeated) + 1))[:run]
        if len(plain) > length:
            break
    if len(plain) != length:
        raise InputError(f"{len(plain)} bytes were decompressed where {length} were promised")
    return bytes(plain)


def _literal_length(content: memoryview, position: int) -> tuple[int, int]:
    """Length of a literal run, within the tag up to 60, else in the bytes after it; and the start of the run."""
    short = content[position] >> 2
    if short < 60:
        return short + 1, position + 1
    end = position + 1 + short - 59
    return int.from_bytes(content[position + 1 : end], "little") + 1, end


def _copy(content: memoryview, position: int) -> tuple[int, int, int]:
    """Length and distance of a copy, and the position after it."""
    tag = content[position]
    width = (1, 2, 4)[(tag & 3) - 1]
    offset = content[position + 1 : position + 1 + width]
    if len(offset) < width:
        raise InputError("a compressed copy is cut off")
    distance = int.from_bytes(offset, "little")
    if width == 1:
        return (tag >> 2 & 7) + 4, (tag >> 5) << 8 | distance, position + 2
    return (tag >> 2) + 1, distance, position + 1 + width
