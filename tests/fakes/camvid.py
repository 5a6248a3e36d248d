"""A tiny CamVid as the SegNet tutorial lays it out, down to the path prefix in its lists."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

PREFIX = "/SegNet/CamVid"
FRAMES = {
    "train": ("0001TP_006690", "0001TP_006720", "0006R0_f00930", "0006R0_f00960", "0016E5_00390"),
    "val": ("0016E5_07959", "0016E5_07961"),
}


def fake_camvid(
    folder: Path, *, frames: Mapping[str, Sequence[str]] = FRAMES, size: tuple[int, int] = (18, 24), seed: int = 0
) -> Path:
    """Frames of noise whose red channel is 20 times the class id, 11 (unlabelled) included."""
    generator = np.random.default_rng(seed)
    for split, names in frames.items():
        lines = []
        for part in (split, f"{split}annot"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        for name in names:
            labels = generator.integers(0, 12, size, dtype=np.uint8)
            image = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
            image[..., 0] = labels * 20
            Image.fromarray(image).save(folder / split / f"{name}.png")
            Image.fromarray(labels).save(folder / f"{split}annot" / f"{name}.png")
            lines.append(f"{PREFIX}/{split}/{name}.png {PREFIX}/{split}annot/{name}.png\n")
        (folder / f"{split}.txt").write_text("".join(lines))
    return folder
