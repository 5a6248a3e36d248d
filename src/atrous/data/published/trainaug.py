"""The split `trainaug` of PASCAL VOC: its training set grown to 10582 images by the labels of the SBD data set.

Either the masks that others converted lie beside VOC's own,

    VOC2012/SegmentationClassAug/2007_000032.png    and, where there is one, ImageSets/Segmentation/trainaug.txt

or SBD is beside `VOCdevkit`, as its archive is extracted:

    benchmark_RELEASE/dataset/cls/2008_000002.mat   a struct GTcls whose field Segmentation is the label map
    benchmark_RELEASE/dataset/train.txt, val.txt    8498 and 2857 names

The images are those of SBD's two lists and of VOC's train, without those of VOC's val. Pictures of VOC's train keep
VOC's own masks, whose outlines are void; SBD has no void.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from atrous.data.formats.lists import read_names
from atrous.data.formats.matlab import read_mat_field
from atrous.data.pairs import Pair, checked_pairs, mask_ids
from atrous.data.schema import Schema, apply_schema
from atrous.errors import InputError

SBD_LICENCE = "research only (SBD; the images are PASCAL VOC's)"
SBD_CITATION = (
    "B. Hariharan, P. Arbelaez, L. Bourdev, S. Maji, J. Malik: Semantic contours from inverse detectors. ICCV 2011"
)
LISTS = ("trainaug.txt", "train_aug.txt")
_SBD_PLACES = ("benchmark_RELEASE/dataset", "SBD", "sbd", "dataset")


def trainaug_pairs(root: Path, *, around: Path) -> tuple[tuple[Pair, ...], str]:
    """The pairs of `trainaug` in the order of their names, and how they were chosen.

    Args:
        root: The folder `VOC2012`.
        around: The data folder; SBD is there, or beside `VOC2012` or `VOCdevkit`.

    Raises:
        InputError: If neither source of masks is there, or a file is missing.
    """
    sets = root / "ImageSets/Segmentation"
    own, held = (set(read_names(sets / f"{name}.txt")) for name in ("train", "val"))
    converted = root / "SegmentationClassAug"
    if converted.is_dir():
        listed = next((sets / name for name in LISTS if (sets / name).is_file()), None)
        names = set(read_names(listed)) if listed else {path.stem for path in converted.glob("*.png")} - held
        mask_of = {name: converted / f"{name}.png" for name in names}
        rule = f"{listed.name if listed else 'all but val.txt'} of SegmentationClassAug"
    else:
        sbd = _sbd_folder((around, root, root.parent, root.parent.parent))
        theirs = {name for part in ("train", "val") for name in read_names(sbd / f"{part}.txt")}
        mask_of = {name: sbd / f"cls/{name}.mat" for name in theirs - held}
        mask_of |= {name: root / f"SegmentationClass/{name}.png" for name in own}
        rule = "train.txt and SBD's lists without val.txt"
    if leaked := sorted(held & set(mask_of)):
        raise InputError(f"trainaug of {root} holds {leaked[0]} of val.txt; take the names of val out of the list")
    pairs = (Pair(name, root / f"JPEGImages/{name}.jpg", mask) for name, mask in sorted(mask_of.items()))
    return checked_pairs(pairs), rule


def trainaug_ids(pair: Pair, schema: Schema) -> Integer[np.ndarray, "h w"]:
    """Class ids of a mask of either kind.

    Raises:
        InputError: If it cannot be read or holds values without meaning.
    """
    if pair.mask.suffix != ".mat":
        return mask_ids(pair, schema)
    values = read_mat_field(pair.mask, struct="GTcls", field="Segmentation")
    return apply_schema(values, schema=schema, path=pair.mask)


def _sbd_folder(around: tuple[Path, ...]) -> Path:
    places: Iterator[Path] = (folder / place for folder in around for place in _SBD_PLACES)
    found = next((place for place in places if (place / "cls").is_dir()), None)
    if found is None:
        raise InputError(
            f"{around[0]} has no masks for trainaug; run 'atrous download sbd --to {around[0]}' "
            f"(or put SegmentationClassAug into {around[1]})"
        )
    return found
