"""Random textures and blends that all of a scene is made of."""

import numpy as np
from jaxtyping import Float32
from PIL import Image

Color = Float32[np.ndarray, "3"]
"""Red, green, blue, 0..255, to calculate with."""


def noise(
    generator: np.random.Generator, shape: tuple[int, int], *, cell: tuple[float, float], octaves: int = 3
) -> Float32[np.ndarray, "h w"]:
    """Smooth random values around 0.5, mostly within 0..1: random grids, enlarged and added up.

    Args:
        generator: Where the randomness comes from.
        shape: Rows and columns.
        cell: Rows and columns of the largest blobs; each octave halves them and their strength.
        octaves: Number of grids.
    """
    total, weight = np.full(shape, 0.5, np.float32), 1.0
    if 0 in shape:
        return total
    height, width = shape
    for octave in range(octaves):
        rows, columns = (max(2, int(n / max(c / 2**octave, 1)) + 2) for n, c in zip(shape, cell, strict=True))
        grid = Image.fromarray(generator.random((rows, columns), dtype=np.float32) - 0.5)
        total += np.float32(weight) * np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC))
        weight /= 2
    return total


def curve(generator: np.random.Generator, width: int, *, cell: float, octaves: int = 4) -> Float32[np.ndarray, " w"]:
    """A random line around 0.5, mostly within 0..1."""
    return noise(generator, (2, width), cell=(2.0, cell), octaves=octaves)[0]


def mix(first: np.ndarray, second: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """From the first colour (share 0) to the second (share 1)."""
    return first + (second - first) * share


def rgb(red: int, green: int, blue: int) -> Color:
    """A colour to calculate with."""
    return np.array((red, green, blue), np.float32)
