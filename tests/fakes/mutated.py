"""Files of pictures, damaged at random."""

import struct

import numpy as np


def mutated(rng: np.random.Generator, contents: list[bytes]) -> bytes:
    """A file with some bytes changed, cut, repeated or mixed with another file."""
    content = bytearray(contents[rng.integers(len(contents))])
    for _ in range(rng.integers(1, 6)):
        place = int(rng.integers(len(content) + 1))
        match rng.integers(6):
            case 0:
                content[place : place + 1] = rng.bytes(1)
            case 1:
                content[place : place + 4] = struct.pack(">I", int(rng.integers(2**32)))
            case 2:
                del content[place:]
            case 3:
                del content[place : place + int(rng.integers(64))]
            case 4:
                content[place:place] = content[: int(rng.integers(64))]
            case _:
                content[place:] = contents[rng.integers(len(contents))][place:]
    return bytes(content)
