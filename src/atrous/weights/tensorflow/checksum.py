"""CRC-32C, with which TensorFlow guards blocks and tensors, over many lanes at once.

A checksum byte by byte would take minutes for a large network. Here the bytes are cut into lanes, their checksums are
found together, and neighbours are joined: the checksum of `a` followed by `b` is that of `a` followed by as many zeros,
added (xor) to that of `b`. Leading zeros change nothing, which fills the first lane.
"""

import numpy as np
from jaxtyping import UInt32

_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8


def _table() -> UInt32[np.ndarray, "256"]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(_POLYNOMIAL), table >> 1)
    return table


_TABLE = _table()


def crc32c(content: memoryview | bytes) -> int:
    """The checksum of some bytes."""
    data = np.frombuffer(content, np.uint8)
    lengths = max(len(data), 4)
    doublings = (lengths - 1).bit_length() // 2
    steps = 1 << doublings
    lanes = 1 << (-(-lengths // steps) - 1).bit_length()
    padded = np.zeros(lanes * steps, np.uint8)
    padded[len(padded) - len(data) :] = data
    # It starts from all ones, which is the same as inverting the first four bytes.
    start = len(padded) - lengths
    if len(data) < 4:
        return _short(data)
    padded[start : start + 4] ^= 0xFF
    columns = np.ascontiguousarray(padded.reshape(lanes, steps).T)
    sums = np.zeros(lanes, np.uint32)
    for column in columns:
        sums = _TABLE[(sums ^ column) & 0xFF] ^ (sums >> 8)
    return int(_joined(sums, doublings)) ^ 0xFFFF_FFFF


def masked(checksum: int) -> int:
    """The form in which it is stored: turned by 15 bits and moved on."""
    turned = (checksum >> 15 | checksum << 17) & 0xFFFF_FFFF
    return (turned + _MASK) & 0xFFFF_FFFF


def _short(data: np.ndarray) -> int:
    checksum = 0xFFFF_FFFF
    for byte in data.tolist():
        checksum = int(_TABLE[(checksum ^ byte) & 0xFF]) ^ checksum >> 8
    return checksum ^ 0xFFFF_FFFF


def _joined(sums: UInt32[np.ndarray, " lanes"], doublings: int) -> np.uint32:
    """The sum over all lanes, each of 2**doublings bytes: pairs are joined until one is left."""
    bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
    zeros = _TABLE[bits & 0xFF] ^ (bits >> 8)  # what a zero byte makes of each bit
    for _ in range(doublings):
        zeros = _followed(zeros, zeros)
    while len(sums) > 1:
        sums = _followed(zeros, sums[0::2]) ^ sums[1::2]
        zeros = _followed(zeros, zeros)
    return sums[0]


def _followed(zeros: UInt32[np.ndarray, "32"], sums: UInt32[np.ndarray, " lanes"]) -> UInt32[np.ndarray, " lanes"]:
    """Checksums after as many zero bytes as `zeros` stands for."""
    found = np.zeros_like(sums)
    for bit, image in enumerate(zeros):
        found ^= np.where(sums >> np.uint32(bit) & np.uint32(1), image, np.uint32(0))
    return found
