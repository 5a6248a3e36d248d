"""Writes TensorFlow's files, so that the readers meet every form of them, right checksums around wrong contents too."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from atrous.importers.tensorflow.checksum import crc32c, masked
from atrous.importers.tensorflow.recognition import TABLE_MAGIC

TYPES = {"f4": 1, "f8": 2, "i4": 3, "i8": 9, "f2": 19}

Field = tuple[int, int | bytes]


def varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def message(*fields: Field) -> bytes:
    """Numbers as varints, bytes with their length before them."""
    return b"".join(
        varint(number << 3) + varint(value)
        if isinstance(value, int)
        else varint(number << 3 | 2) + varint(len(value)) + value
        for number, value in fields
    )


def shape_message(shape: Sequence[int]) -> bytes:
    return message(*((2, message((1, length))) for length in shape))


def block(entries: Mapping[bytes, bytes], *, compression: int = 0) -> bytes:
    """With every key cut to what differs from the one before, and the trailer after it."""
    content, before = bytearray(), b""
    for key, value in entries.items():
        shared = next((i for i, pair in enumerate(zip(key, before, strict=False)) if pair[0] != pair[1]), None)
        shared = min(len(key), len(before)) if shared is None else shared
        content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return sealed(bytes(content) + bytes(4) + (1).to_bytes(4, "little"), compression=compression)


def sealed(content: bytes, *, compression: int = 0) -> bytes:
    content += bytes([compression])
    return content + masked(crc32c(content)).to_bytes(4, "little")


def table(*blocks: bytes) -> bytes:
    """A file of finished blocks."""
    content, handles = b"", {}
    for number, each in enumerate(blocks):
        handles[b"%08d" % number] = varint(len(content)) + varint(len(each) - 5)
        content += each
    index = block(handles)
    footer = varint(0) + varint(0) + varint(len(content)) + varint(len(index) - 5)
    return content + index + footer.ljust(40, b"\0") + TABLE_MAGIC


def write_bundle(prefix: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    """A checkpoint of the second format; its index."""
    entries, data = {b"": message((1, 1), (3, message((1, 1))))}, b""
    for name, array in sorted(arrays.items()):
        content = np.ascontiguousarray(array).tobytes()
        checksum = b"\x35" + masked(crc32c(content)).to_bytes(4, "little")  # field 6, of four bytes
        place = message(
            (1, TYPES[array.dtype.str[1:]]), (2, shape_message(array.shape)), (4, len(data)), (5, len(content))
        )
        entries[name.encode()] = place + checksum
        data += content
    prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(data)
    index = prefix.with_name(f"{prefix.name}.index")
    index.write_bytes(table(block(entries)))
    return index


def v1_entries(arrays: Mapping[str, np.ndarray]) -> dict[bytes, bytes]:
    """What a checkpoint of the first format holds; floats only."""
    whole = {name: message(*((1, b"") for _ in array.shape)) for name, array in arrays.items()}
    listed = [
        (1, message((1, name.encode()), (2, shape_message(array.shape)), (3, 1), (4, whole[name])))
        for name, array in arrays.items()
    ]
    saved = {
        name.encode(): message((1, name.encode()), (2, whole[name]), (3, message((1, 1), (5, array.tobytes()))))
        for name, array in sorted(arrays.items())
    }
    return {b"": message((1, message(*listed))), **{key: message((2, value)) for key, value in saved.items()}}


def constant(name: str, array: np.ndarray, *, values: Field | None = None) -> bytes:
    """A node of a graph."""
    tensor = message(
        (1, TYPES[array.dtype.str[1:]]),
        (2, shape_message(array.shape)),
        values or (4, np.ascontiguousarray(array).tobytes()),
    )
    attribute = message((1, b"value"), (2, message((8, tensor))))
    return message((1, name.encode()), (2, b"Const"), (5, attribute))


def graph(*nodes: bytes) -> bytes:
    return message(*((1, node) for node in nodes))
