"""The table file under both kinds of checkpoint: sorted keys and values in checksummed blocks (LevelDB's format).

Its last 48 bytes say where the index is, a block whose values say where each block of entries is. In a block, every
key drops what it has in common with the one before.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from atrous.errors import InputError
from atrous.importers.protobuf import read_varint
from atrous.importers.tensorflow.checksum import crc32c, masked
from atrous.importers.tensorflow.recognition import TABLE_MAGIC
from atrous.importers.tensorflow.snappy import decompress

_FOOTER, _TRAILER = 48, 5
_PLAIN, _SNAPPY = 0, 1
_LONGEST_KEY = 4096
_MOST_ENTRIES = 100_000  # of a table; a large network has some thousands
_LARGEST_BLOCK = 256 << 20  # bytes; a block holds one kernel, and those of networks are below 100 MiB


class Block(NamedTuple):
    """Position of a block in the file."""

    offset: int
    size: int


def all_entries(content: memoryview) -> Iterator[tuple[Block, bytes, memoryview]]:
    """Iterate over (block, key, value) of each entry of a file, in the order of the keys.

    Raises:
        InputError: If this is no table, or it is damaged or absurdly long.
    """
    count = 0
    for block in _blocks(content):
        for key, value in entries(content, block):
            count += 1
            if count > _MOST_ENTRIES:
                raise InputError(f"more than {_MOST_ENTRIES} entries")
            yield block, key, value


def _blocks(content: memoryview) -> list[Block]:
    if len(content) < _FOOTER or content[-len(TABLE_MAGIC) :] != TABLE_MAGIC:
        raise InputError("no table of TensorFlow's: its last bytes are others")
    footer = content[-_FOOTER:]
    _, position = _block(footer, 0)  # of what nobody uses
    index, _ = _block(footer, position)
    found = [_block(value, 0)[0] for _, value in entries(content, index)]
    if any(later.offset < block.offset + block.size for block, later in pairwise(found)):
        raise InputError("its blocks overlap")
    return found


def entries(content: memoryview, block: Block) -> Iterator[tuple[bytes, memoryview]]:
    """Iterate over (key, value) of each entry of a block.

    Raises:
        InputError: If the block is damaged.
    """
    plain = _plain(content, block)
    if len(plain) < 4:
        raise InputError("a block without an end")
    restarts = int.from_bytes(plain[-4:], "little")
    end = len(plain) - 4 * (restarts + 1)
    if end < 0:
        raise InputError(f"a block of {len(plain)} bytes with {restarts} restarts")
    position, key, count = 0, b"", 0
    while position < end:
        shared, position = read_varint(plain, position)
        own, position = read_varint(plain, position)
        length, position = read_varint(plain, position)
        if shared > len(key) or own + length > end - position or shared + own > _LONGEST_KEY:
            raise InputError("an entry leads out of its block")
        key = key[:shared] + bytes(plain[position : position + own])
        position += own + length
        count += 1
        if count > _MOST_ENTRIES:
            raise InputError(f"more than {_MOST_ENTRIES} entries in a block")
        yield key, plain[position - length : position]


def _plain(content: memoryview, block: Block) -> memoryview:
    """A block as it was before compression; the five bytes after it are its kind of compression and its checksum."""
    end = block.offset + block.size
    if end + _TRAILER > len(content) - _FOOTER:
        raise InputError(f"a block of {block.size} bytes at {block.offset} in a file of {len(content)}; it is cut off")
    stored = int.from_bytes(content[end + 1 : end + _TRAILER], "little")
    if stored != masked(crc32c(content[block.offset : end + 1])):
        raise InputError("a block does not match its checksum; the file is damaged")
    compression = content[end]
    if compression == _SNAPPY:
        return memoryview(decompress(content[block.offset : end], most=_LARGEST_BLOCK))
    if compression != _PLAIN:
        raise InputError(f"a block is compressed by the unknown method {compression}")
    return content[block.offset : end]


def _block(handle: memoryview, position: int) -> tuple[Block, int]:
    offset, position = read_varint(handle, position)
    size, position = read_varint(handle, position)
    return Block(offset, size), position
