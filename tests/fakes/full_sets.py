"""PASCAL VOC with SBD, Cityscapes and ADE20K with all their files, or a share of them, as tiny pictures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy.io
from PIL import Image

from fakes.published import CITYSCAPES_IDS, noise, save

VOC_COUNTS = {"train": 1464, "val": 1449, "test": 1456}
SBD_COUNT = 10582 - 1464
"""Pictures of SBD that are neither in train nor in val."""
CITYSCAPES_COUNTS = {"train": 2975, "val": 500, "test": 1525}
CITIES = {"train": "aachen", "val": "lindau", "test": "berlin"}
ADE20K_COUNTS = {"training": 20210, "validation": 2000}
SIZE = (24, 32)


def _count(whole: int, share: float) -> int:
    return max(3, round(whole * share))


def _labels(generator: np.random.Generator, classes: int) -> np.ndarray:
    """Every class id and 255 in one map, as far as there is room."""
    values = np.append(np.arange(classes), 255).astype(np.uint8)
    return generator.permutation(np.resize(values, SIZE[0] * SIZE[1])).reshape(SIZE)


def _names(year: int, count: int) -> Iterator[str]:
    return (f"{year}_{number:06d}" for number in range(count))


def full_voc(folder: Path, *, share: float = 1.0) -> dict[str, int]:
    """VOC 2012 with its test pictures, and SBD beside it; number of pictures by split."""
    root, sbd, generator = folder / "VOCdevkit/VOC2012", folder / "benchmark_RELEASE/dataset", np.random.default_rng(0)
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (sbd / "cls").mkdir(parents=True)
    names = {
        split: [*_names(year, _count(VOC_COUNTS[split], share))]
        for split, year in (("train", 2007), ("val", 2008), ("test", 2009))
    }
    names["sbd"] = [*_names(2010, _count(SBD_COUNT, share))]
    for split, listed in names.items():
        for name in listed:
            save(noise(generator, SIZE), root / f"JPEGImages/{name}.jpg")
            if split in ("train", "val"):
                save(Image.fromarray(_labels(generator, 21)), root / f"SegmentationClass/{name}.png")
            elif split == "sbd":
                field = {"GTcls": {"Segmentation": _labels(generator, 21) % 255}}
                scipy.io.savemat(sbd / f"cls/{name}.mat", field)
    (sbd / "train.txt").write_text("\n".join(names["sbd"][:-1]) + "\n")
    (sbd / "val.txt").write_text(names["sbd"][-1] + "\n")
    names["trainval"] = names["train"] + names["val"]
    for split in ("train", "val", "trainval", "test"):
        (lists / f"{split}.txt").write_text("\n".join(names[split]) + "\n")
    return {**{split: len(listed) for split, listed in names.items()}, "trainaug": len(names["train"] + names["sbd"])}


def full_cityscapes(folder: Path, *, share: float = 1.0) -> dict[str, int]:
    """Cityscapes with fine labels; number of pictures by split."""
    generator, counts = np.random.default_rng(0), {}
    ids = np.zeros(256, np.uint8)
    ids[:19] = [*CITYSCAPES_IDS.values()]
    for split, whole in CITYSCAPES_COUNTS.items():
        counts[split] = _count(whole, share)
        for number in range(counts[split]):
            city = CITIES[split]
            frame = f"{city}/{city}_{number:06d}_000019"
            save(noise(generator, SIZE), folder / f"leftImg8bit/{split}/{frame}_leftImg8bit.png")
            labels = ids[_labels(generator, 19)] if split != "test" else np.zeros(SIZE, np.uint8)
            save(Image.fromarray(labels), folder / f"gtFine/{split}/{frame}_gtFine_labelIds.png")
    return counts


def full_ade20k(folder: Path, *, share: float = 1.0) -> dict[str, int]:
    """ADE20K; number of pictures by split."""
    root, generator, counts = folder / "ADEChallengeData2016", np.random.default_rng(0), {}
    for part, whole in ADE20K_COUNTS.items():
        counts[part] = _count(whole, share)
        short = {"training": "train", "validation": "val"}[part]
        for number in range(1, counts[part] + 1):
            name = f"ADE_{short}_{number:08}"
            save(noise(generator, SIZE), root / f"images/{part}/{name}.jpg")
            save(Image.fromarray(_labels(generator, 150) + np.uint8(1)), root / f"annotations/{part}/{name}.png")
    return counts
