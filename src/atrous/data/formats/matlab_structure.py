"""A check of the structure of MATLAB files of versions 5 to 7, before SciPy reads them.

SciPy trusts the tags of a file: one changed byte can make it read beyond its memory and end the process. Here every tag
is compared with the bytes that are there. Layout: "MAT-File Format", MathWorks, chapter 1.
"""

import struct
import zlib
from math import prod
from pathlib import Path

from atrous.errors import InputError

_HEADER = 128
_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
"""Bytes of a number by its type in the file: miINT8, miUINT8, miINT16 ... miUTF32."""
_MATRIX, _COMPRESSED, _INT32, _UINT32 = 14, 15, 5, 6
_NUMERIC = range(6, 16)
"""Classes of matrices of numbers: mxDOUBLE ... mxUINT64."""
_DEEPEST = 8
_MOST_BYTES = 2**31

Element = tuple[int, bytes]
"""Type and content."""


def check_structure(path: Path) -> None:
    """Refuse a file whose tags do not fit its content; files of other versions are not looked at.

    Raises:
        InputError: If a tag names a type that does not exist, or more or fewer bytes than there are.
    """
    content = path.read_bytes()
    if content[124:128] not in (b"\0\1IM", b"\1\0MI"):
        return
    order = "<" if content[126:128] == b"IM" else ">"
    try:
        for kind, inner in _elements(content[_HEADER:], order):
            if kind == _COMPRESSED:
                unpacker = zlib.decompressobj()
                unpacked = unpacker.decompress(inner, _MOST_BYTES)
                for packed_kind, packed in _elements(unpacked, order, strict=False):
                    _check_matrix(packed_kind, packed, order)
            else:
                _check_matrix(kind, inner, order)
    except (ValueError, struct.error, zlib.error, MemoryError) as error:
        raise InputError(f"cannot read {path}: {error}; the file may be damaged, replace it") from error


def _elements(content: bytes, order: str, *, strict: bool = True) -> list[Element]:
    """The elements of a stretch of bytes, small ones (type and size in four bytes) among them."""
    found: list[Element] = []
    place = 0
    while place < len(content):
        (word,) = struct.unpack_from(order + "I", content, place)
        if word >> 16:  # small
            kind, size, start = word & 0xFFFF, word >> 16, place + 4
            place += 8
            if size > 4:
                raise ValueError(f"a small element of {size} bytes")
        else:
            kind, (size,), start = word, struct.unpack_from(order + "I", content, place + 4), place + 8
            place = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if kind not in _SIZES and kind not in (_MATRIX, _COMPRESSED):
            raise ValueError(f"an element of the unknown type {kind}")
        if start + size > len(content) or (strict and kind == _MATRIX and size % 8 and place > len(content)):
            raise ValueError(f"an element of {size} bytes, of which {len(content) - start} are there")
        found.append((kind, content[start : start + size]))
    return found


def _check_matrix(kind: int, content: bytes, order: str, *, depth: int = 0) -> None:
    if kind != _MATRIX or depth > _DEEPEST:
        raise ValueError(f"an element of type {kind} at depth {depth} in place of a matrix")
    if not content:  # an empty cell
        return
    parts = _elements(content, order)
    if len(parts) < 3 or parts[0][0] != _UINT32 or len(parts[0][1]) != 8 or parts[1][0] != _INT32 or parts[2][0] != 1:
        raise ValueError("a matrix without flags, size and name")
    flags, most = struct.unpack(order + "II", parts[0][1])
    shape = struct.unpack(f"{order}{len(parts[1][1]) // 4}i", parts[1][1])
    if len(shape) < 2 or min(shape) < 0 or prod(shape) > _MOST_BYTES:
        raise ValueError(f"a matrix of size {shape}")
    _check_content(flags & 0xFF, parts[3:], order, shape=shape, most=most, depth=depth)


def _check_content(
    matrix: int, parts: list[Element], order: str, *, shape: tuple[int, ...], most: int, depth: int
) -> None:
    """The elements of a matrix after its name, by its class."""
    count = prod(shape)
    match matrix:
        case 1:  # cells
            if len(parts) != count:
                raise ValueError(f"{len(parts)} cells in place of {count}")
            _check_inner(parts, order, depth=depth)
        case 2:  # struct: length of names, names, one matrix per field and element
            (length,) = struct.unpack(order + "i", parts[0][1]) if parts else (0,)
            if parts[0][0] != _INT32 or not 0 < length <= 64 or parts[1][0] != 1 or len(parts[1][1]) % length:
                raise ValueError("a struct without names")
            if len(parts) - 2 != count * (len(parts[1][1]) // length):
                raise ValueError(f"a struct of {len(parts) - 2} fields")
            _check_inner(parts[2:], order, depth=depth)
        case 4:  # text
            if len(parts) > 1 or any(kind not in _SIZES for kind, _ in parts):
                raise ValueError("a text of another type")
        case 5:  # sparse: rows, column starts, numbers
            if [kind for kind, _ in parts[:2]] != [_INT32, _INT32] or len(parts[0][1]) > 4 * max(most, 1):
                raise ValueError("a sparse matrix without rows and columns")
            if len(parts[1][1]) != 4 * (shape[1] + 1) or any(kind not in _SIZES for kind, _ in parts[2:]):
                raise ValueError("a sparse matrix of other columns")
            rows = struct.unpack(f"{order}{len(parts[0][1]) // 4}i", parts[0][1])
            starts = struct.unpack(f"{order}{shape[1] + 1}i", parts[1][1])
            if list(starts) != sorted(starts) or starts[0] or starts[-1] > len(rows):
                raise ValueError("a sparse matrix whose columns do not fit its rows")
            if any(not 0 <= row < shape[0] for row in rows[: starts[-1]]):
                raise ValueError("a sparse matrix whose rows are outside it")
        case number if number in _NUMERIC:
            if not 1 <= len(parts) <= 2 or any(len(data) != count * _SIZES.get(kind, 0) for kind, data in parts):
                raise ValueError(f"numbers that do not fill a matrix of size {shape}")
        case _:
            raise ValueError(f"a matrix of the class {matrix}, which is no label map")


def _check_inner(parts: list[Element], order: str, *, depth: int) -> None:
    for kind, content in parts:
        _check_matrix(kind, content, order, depth=depth + 1)
