"""CRC-32C, with which TensorFlow guards blocks and tensors, over many lanes at once.

A checksum byte by byte would take minutes for a large network. Here the bytes are cut into lanes, their checksums are
found together, and neighbours are joined: the checksum of `a` followed by `b` is that of `a` followed by as many zeros,
added (xor) to that of `b`. Leading zeros change nothing, which fills the first lane.
"""

from functools import cache

import numpy as np
from jaxtyping import UInt32

from atrous.sizes import ceil_div

_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8


def _table() -> UInt32[np.ndarray, "256"]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


_TABLE = _table()
_BITS = np.arange(32, dtype=np.uint32)


def crc32c(content: memoryview | bytes) -> int:
    """The checksum of some bytes."""
    data = np.frombuffer(content, np.uint8)
    if len(data) < 4:
        return _short(data)
    doublings = len(data).bit_length() // 2
    lanes = 1 << (ceil_div(len(data), 1 << doublings) - 1).bit_length()
    padded = np.zeros(lanes << doublings, np.uint8)
    first = len(padded) - len(data)
    padded[first:] = data
    padded[first : first + 4] ^= 0xFF  # it starts from all ones, which is the same as inverting the first four bytes
    sums = np.zeros(lanes, np.uint32)
    for column in np.ascontiguousarray(padded.reshape(lanes, -1).T):
        sums = _TABLE[(sums ^ column) & 0xFF] ^ (sums >> 8)
    return _joined(sums, doublings) ^ 0xFFFF_FFFF


def masked(checksum: int) -> int:
    """The form in which it is stored: turned by 15 bits and moved on."""
    turned = (checksum >> 15 | checksum << 17) & 0xFFFF_FFFF
    return (turned + _MASK) & 0xFFFF_FFFF


def _short(data: np.ndarray) -> int:
    checksum = 0xFFFF_FFFF
    for byte in data.tolist():
        checksum = int(_TABLE[(checksum ^ byte) & 0xFF]) ^ checksum >> 8
    return checksum ^ 0xFFFF_FFFF


def _joined(sums: UInt32[np.ndarray, " lanes"], doublings: int) -> int:
    """The sum over all lanes, each of 2**doublings bytes: pairs are joined until one is left."""
    while len(sums) > 1:
        sums = _followed(sums[0::2], doublings) ^ sums[1::2]
        doublings += 1
    return int(sums[0])


def _followed(sums: UInt32[np.ndarray, " lanes"], doublings: int) -> UInt32[np.ndarray, " lanes"]:
    """Checksums after 2**doublings zero bytes more: the sum of what these make of each bit that is set."""
    is_set = sums[:, None] >> _BITS & np.uint32(1)
    return np.bitwise_xor.reduce(is_set * _zeros(doublings), axis=1)


@cache
def _zeros(doublings: int) -> UInt32[np.ndarray, "32"]:
    """Checksums of each single bit followed by 2**doublings zero bytes."""
    if doublings == 0:
        bits = np.uint32(1) << _BITS
        return _TABLE[bits & 0xFF] ^ (bits >> 8)
    return _followed(_zeros(doublings - 1), doublings - 1)
