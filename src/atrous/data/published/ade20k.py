"""ADE20K as the scene parsing benchmark of 2016 lays it out: 150 classes, 0 in a mask is unlabelled.

    ADEChallengeData2016/images/training/ADE_train_00000001.jpg
    ADEChallengeData2016/annotations/training/ADE_train_00000001.png    1..150
    ADEChallengeData2016/images/validation/, annotations/validation/

The data folder is `ADEChallengeData2016` or the one that holds it.

Splits:
    train, val    20210 and 2000 images
"""

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from atrous.data.formats.image_names import picture_paths
from atrous.data.pairs import Pair, PairedFiles, checked_pairs
from atrous.data.schema import Schema
from atrous.errors import InputError
from atrous.labels import ADE20K

LICENCE = "images: research and education only, without commercial use; annotations: BSD 3-Clause"
CITATION = (
    "B. Zhou, H. Zhao, X. Puig, S. Fidler, A. Barriuso, A. Torralba: Scene parsing through ADE20K dataset. CVPR 2017"
)
SPLITS = {"train": "training", "val": "validation"}
_FULL = re.compile(r"ADE_(train|val|test|frame)_\w+_seg\.png")
_PLACES = ("ADEChallengeData2016", ".")


def is_ade20k(folder: Path) -> bool:
    """Return True if a folder holds the benchmark, or a part of it: its pictures are called `ADE_...`."""
    roots = [folder / place for place in _PLACES]
    parts = [root / kind / part for root in roots for kind in ("annotations", "images") for part in SPLITS.values()]
    names = [path.name for part in parts if part.is_dir() for path in islice(part.iterdir(), 20)]
    return any(map(_has_parts, roots)) and (not names or any(name.startswith("ADE_") for name in names))


def full_ade20k_line(root: Path, files: Sequence[Path]) -> str:
    """The line about the full ADE20K, whose masks hold classes and instances in one colour; empty for other folders."""
    masks = [path for path in files if _FULL.fullmatch(path.name)]
    if not masks:
        return ""
    return (
        f"{root} is the full ADE20K: {masks[0].name} holds the class in red and green (red // 10 * 256 + green) and "
        "the instance in blue, which is not read; take the benchmark of 150 classes (atrous download ade20k), or save "
        "class ids as 16-bit PNG in masks/"
    )


def _has_parts(root: Path) -> bool:
    return any((root / "annotations" / part).is_dir() for part in SPLITS.values())


def open_ade20k(folder: Path, *, split: str, schema: Schema | None = None) -> PairedFiles:
    """Open a split of ADE20K, or of other data in the same layout.

    Args:
        folder: See the top of this file.
        split: `train` or `val`.
        schema: The meaning of the masks where the data is not ADE20K.

    Raises:
        InputError: If the split is unknown, or a folder or a mask is missing.
    """
    if split not in SPLITS:
        raise InputError(f"{folder} has no split {split!r}; choose from {', '.join(SPLITS)}")
    root = next(folder / place for place in _PLACES if _has_parts(folder / place))
    images, masks = (root / kind / SPLITS[split] for kind in ("images", "annotations"))
    return PairedFiles(
        name="ADE20K" if schema is None else folder.resolve().name,
        split=split,
        rule=f"folder {SPLITS[split]}",
        licence=LICENCE if schema is None else "not stated",
        schema=schema or Schema(ADE20K, remap={0: ADE20K.ignore} | {label + 1: label for label in range(150)}),
        pairs=checked_pairs(Pair(path.stem, path, masks / f"{path.stem}.png") for path in picture_paths(images)),
    )
