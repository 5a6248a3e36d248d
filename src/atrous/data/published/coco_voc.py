"""COCO 2017 with the classes of PASCAL VOC, as the DeepLabv3 paper pretrains on it (section 4.1).

    annotations/instances_train2017.json    annotations/instances_val2017.json
    train2017/000000000009.jpg              val2017/; also inside images/

An image is kept where the instances of VOC's 20 classes have more than 1000 pixels in all, by the areas that the file
states. Other classes are background, crowds of VOC's are ignored. The paper's "trainval minus minival" is `train`, and
its minival is `val`: the split of 2017.

With a `schema.toml`, the categories are its classes by their names, and every image is kept.
"""

from itertools import islice
from pathlib import Path

from atrous.data.annotations.coco import CocoImage, CocoLabels, read_coco
from atrous.data.pairs import Pair, PairedFiles, checked_pairs
from atrous.data.schema import Schema
from atrous.errors import InputError
from atrous.labels import PASCAL_VOC

RENAMED = {
    "airplane": "aeroplane",
    "couch": "sofa",
    "dining table": "diningtable",
    "motorcycle": "motorbike",
    "potted plant": "pottedplant",
    "tv": "tvmonitor",
}
"""COCO's name of a class -> VOC's, where they differ."""
CLASSES = {name: name for name in PASCAL_VOC.names[1:] if name not in RENAMED.values()} | RENAMED
"""COCO's category -> VOC's class; the other 60 categories are background."""
MORE_THAN = 1000
"""Pixels of VOC's classes that an image must exceed to be kept."""

LICENCE = "annotations: CC BY 4.0; images: Flickr terms of use"
CITATION = (
    "T.-Y. Lin, M. Maire, S. Belongie, L. Bourdev, R. Girshick, J. Hays, P. Perona, D. Ramanan, C. L. Zitnick, "
    "P. Dollár: Microsoft COCO: common objects in context. ECCV 2014"
)
SPLITS = ("train", "val")


def is_coco(folder: Path) -> bool:
    """Return True if a folder has annotations of COCO 2017: its pictures are called by twelve digits."""
    places = [folder / place / f"{split}2017" for place in ("images", ".") for split in SPLITS]
    names = [path.stem for place in places if place.is_dir() for path in islice(place.iterdir(), 20)]
    named = not names or any(len(name) == 12 and name.isdecimal() for name in names)
    return named and any(_annotations(folder, split=split).is_file() for split in SPLITS)


def open_coco(folder: Path, *, split: str, schema: Schema | None = None) -> PairedFiles:
    """Open a split of COCO 2017.

    Args:
        folder: See the top of this file.
        split: `train` or `val`.
        schema: Other classes than PASCAL VOC's: names of categories.

    Raises:
        InputError: If the split is unknown, the annotations are bad, no image is kept, or one is missing.
    """
    path = _annotations(folder, split=split)
    if split not in SPLITS or not path.is_file():
        raise InputError(f"{folder} has no split {split!r}; choose from {', '.join(SPLITS)}, each with {path.parent}")
    classes, rule = (CLASSES, f"over {MORE_THAN} pixels of VOC's classes") if schema is None else (None, "all images")
    pictures = {name: one for name, one in read_coco(path).pictures.items() if classes is None or _labelled(one)}
    if not pictures:
        raise InputError(f"{path} has no image with over {MORE_THAN} pixels of VOC's classes; is it COCO's?")
    images = next((place for place in (folder / "images", folder) if (place / f"{split}2017").is_dir()), folder)
    return PairedFiles(
        name="COCO 2017 with VOC's classes" if schema is None else "COCO 2017",
        split=split,
        rule=f"{path.name}, {rule}",
        licence=LICENCE,
        schema=schema or Schema(PASCAL_VOC),
        pairs=checked_pairs(Pair(name, images / f"{split}2017" / one.file, path) for name, one in pictures.items()),
        read=CocoLabels(pictures, classes),
    )


def _labelled(picture: CocoImage) -> bool:
    """Return True if a picture shows enough of VOC's classes."""
    shown = (one.area for one in picture.annotations if one.category in CLASSES and not one.crowd)
    return sum(shown) > MORE_THAN


def _annotations(folder: Path, *, split: str) -> Path:
    return folder / "annotations" / f"instances_{split}2017.json"
