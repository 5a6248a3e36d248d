"""Pictures for the benchmarks that predict folders."""

from pathlib import Path

import numpy as np
from PIL import Image


def write_pictures(folder: Path, *, number: int, side: int) -> None:
    """Write smooth random JPEGs of `side` x `side` pixels into a new folder."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(number):
        small = Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8))
        small.resize((side, side), Image.Resampling.BICUBIC).save(folder / f"{index:05}.jpg", quality=90)
