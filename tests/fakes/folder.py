"""A tiny folder of pictures and masks as a user keeps them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = tuple(f"photo{number}" for number in range(1, 12))


def fake_folder(
    folder: Path,
    *,
    names: Sequence[str] = NAMES,
    values: Sequence[int] = (0, 1, 2, 255),
    size: tuple[int, int] = (12, 16),
    seed: int = 0,
) -> Path:
    """`images/*.jpg` of noise and `masks/*.png`; every mask holds each of the values, if it has the room."""
    generator = np.random.default_rng(seed)
    for name in names:
        labels = generator.permutation(np.resize(np.array(values, np.uint8), size[0] * size[1])).reshape(size)
        image = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
        for part, suffix, pixels in (("images", "jpg", image), ("masks", "png", labels)):
            path = folder / part / f"{name}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return folder
