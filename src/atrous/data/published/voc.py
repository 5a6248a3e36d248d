"""PASCAL VOC 2012 as its devkit lays it out: 20 classes and background, 255 is void.

    VOCdevkit/VOC2012/JPEGImages/2007_000032.jpg
    VOCdevkit/VOC2012/SegmentationClass/2007_000032.png     palette PNG, the index is the class id
    VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt      a name per line

The data folder is the one that holds `VOCdevkit`, that one itself, or `VOC2012`.

Splits:
    train, val, trainval    1464, 1449 and 2913 images
    trainaug                10582 images; see `data/published/trainaug.py`
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from atrous.data.formats.lists import read_names
from atrous.data.pairs import Pair, PairedFiles, checked_pairs
from atrous.data.published.trainaug import SBD_LICENCE, trainaug_ids, trainaug_pairs
from atrous.data.schema import Schema
from atrous.errors import InputError
from atrous.labels import PASCAL_VOC

LICENCE = "Flickr terms of use (PASCAL VOC 2012; the images are their photographers')"
CITATION = (
    "M. Everingham, S. M. A. Eslami, L. Van Gool, C. K. I. Williams, J. Winn, A. Zisserman: "
    "The PASCAL visual object classes challenge: a retrospective. IJCV 111 (2015)"
)
VOID = (224, 224, 192)
"""The colour of void in masks that were saved as RGB."""
SPLITS = ("train", "val", "trainval", "trainaug")
_PLACES = ("VOCdevkit/VOC2012", "VOC2012", ".")
_NAME = re.compile(r"\d{4}_\d{6}")
_SAMPLED = 20


def is_voc(folder: Path) -> bool:
    """Return True if a folder holds the devkit, or a part of it: other data in its folders has other names."""
    roots = [folder / place for place in _PLACES if _has_parts(folder / place)]
    return bool(roots) and _has_its_names(roots[0])


def _has_parts(root: Path) -> bool:
    return any((root / part).is_dir() for part in ("SegmentationClass", "ImageSets/Segmentation"))


def _has_its_names(root: Path) -> bool:
    """Return True if the first names are a year and six digits, or none is there to tell."""
    files = [path for part in ("SegmentationClass", "JPEGImages") for path in islice(_files(root / part), _SAMPLED)]
    listed = [path for path in _files(root / "ImageSets/Segmentation") if path.suffix == ".txt"]
    names = [path.stem for path in files] or [line for path in listed for line in _first_lines(path)]
    return not names or any(_NAME.fullmatch(name) for name in names)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else iter(())


def _first_lines(path: Path) -> list[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        return [line.strip() for line in islice(file, _SAMPLED)]


def open_voc(folder: Path, *, split: str, schema: Schema | None = None) -> PairedFiles:
    """Open a split of PASCAL VOC 2012, or of other data in the same layout.

    Args:
        folder: See the top of this file.
        split: One of `SPLITS`.
        schema: The meaning of the masks where the data is not PASCAL VOC.

    Raises:
        InputError: If the split is unknown, or a part of the layout or a listed file is missing.
    """
    if split not in SPLITS:
        raise InputError(f"{folder} has no split {split!r}; choose from {', '.join(SPLITS)}")
    root = next(folder / place for place in _PLACES if _has_parts(folder / place))
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        if not (root / part).is_dir():
            raise InputError(f"{root} lacks the folder {part} of PASCAL VOC 2012; extract the whole archive again")
    if split == "trainaug":
        (pairs, rule), licence = trainaug_pairs(root, around=folder), f"{LICENCE}; {SBD_LICENCE}"
    else:
        pairs, rule, licence = _listed(root, split=split), f"{split}.txt", LICENCE
    return PairedFiles(
        name="PASCAL VOC 2012" if schema is None else folder.resolve().name,
        split=split,
        rule=rule,
        licence=licence if schema is None else "not stated",
        schema=schema or Schema(PASCAL_VOC, recolor={VOID: PASCAL_VOC.ignore}),
        pairs=pairs,
        read=trainaug_ids,
    )


def _listed(root: Path, *, split: str) -> tuple[Pair, ...]:
    names = read_names(root / "ImageSets/Segmentation" / f"{split}.txt")
    return checked_pairs(
        Pair(name, image=root / f"JPEGImages/{name}.jpg", mask=root / f"SegmentationClass/{name}.png") for name in names
    )
