"""Cityscapes as its packages lay it out: frames of 2048x1024, 34 label ids of which 19 are trained.

    leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png
    gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png
    gtCoarse/train_extra/augsburg/augsburg_000000_000000_gtCoarse_labelIds.png

Splits:
    train, val, trainval       2975, 500 and 3475 frames, finely labelled
    train_coarse, val_coarse   the same frames, coarsely labelled
    train_extra                20000 other frames, coarsely labelled
    trainval_coarse            trainval and train_extra, as the papers train for the test server (DeepLabv3, appendix C)
"""

from pathlib import Path

from atrous.data.formats.image_names import picture_paths
from atrous.data.pairs import Pair, PairedFiles, checked_pairs
from atrous.data.schema import Schema
from atrous.errors import InputError
from atrous.labels import CITYSCAPES

TRAINED_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The label id in the files of each class; the other ids of 0..33, and -1 (255 in a PNG), are ignored."""

LICENCE = "non-commercial use only (Cityscapes terms of use)"
CITATION = (
    "M. Cordts, M. Omran, S. Ramos, T. Rehfeld, M. Enzweiler, R. Benenson, U. Franke, S. Roth, B. Schiele: "
    "The Cityscapes dataset for semantic urban scene understanding. CVPR 2016"
)
CITIES = frozenset(
    {
        "aachen", "bochum", "bremen", "cologne", "darmstadt", "dusseldorf", "erfurt", "hamburg", "hanover", "jena",
        "krefeld", "monchengladbach", "strasbourg", "stuttgart", "tubingen", "ulm", "weimar", "zurich", "frankfurt",
        "lindau", "munster", "berlin", "bielefeld", "bonn", "leverkusen", "mainz", "munich", "augsburg", "bad-honnef",
        "bamberg", "bayreuth", "dessau-rosslau", "dortmund", "dresden", "duisburg", "erlangen", "freiburg", "gottingen",
        "hanau", "heidelberg", "heilbronn", "karlsruhe", "konigswinter", "konstanz", "mannheim", "muhlheim-ruhr",
        "nuremberg", "oberhausen", "saarbrucken", "schweinfurt", "troisdorf", "wuppertal", "wurzburg",
    }
)  # fmt: skip
_TRAINVAL = (("train", "gtFine"), ("val", "gtFine"))
SPLITS = {
    "train": _TRAINVAL[:1],
    "val": _TRAINVAL[1:],
    "trainval": _TRAINVAL,
    "train_coarse": (("train", "gtCoarse"),),
    "val_coarse": (("val", "gtCoarse"),),
    "train_extra": (("train_extra", "gtCoarse"),),
    "trainval_coarse": (*_TRAINVAL, ("train_extra", "gtCoarse")),
}
"""Folders of frames and of labels that make a split."""

_SCHEMA = Schema(
    CITYSCAPES,
    remap=dict.fromkeys((*range(34), 255), CITYSCAPES.ignore)
    | {value: label for label, value in enumerate(TRAINED_IDS)},
)


def is_cityscapes(folder: Path) -> bool:
    """Return True if a folder holds a package of Cityscapes: frames of its cities, and no polygons alone."""
    packages = [folder / part for part in ("leftImg8bit", "gtFine", "gtCoarse") if (folder / part).is_dir()]
    cities = [city for package in packages for part in _folders(package) for city in _folders(part)]
    labelled = [city for city in cities if city.parent.parent.name != "leftImg8bit"]
    has_images = any(any(city.glob("*_labelIds.png")) for city in labelled)
    has_polygons = any(any(city.glob("*_polygons.json")) for city in labelled)
    named = not cities or any(city.name in CITIES for city in cities)
    return bool(packages) and named and (has_images or not has_polygons)


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()]


def open_cityscapes(folder: Path, *, split: str, schema: Schema | None = None) -> PairedFiles:
    """Open a split of Cityscapes.

    Args:
        folder: Holds `leftImg8bit` and `gtFine` or `gtCoarse`.
        split: One of `SPLITS`.
        schema: Another meaning of the label ids, such as fewer classes.

    Raises:
        InputError: If the split is unknown, or a package or the labels of a frame are missing.
    """
    if split not in SPLITS:
        raise InputError(f"{folder} has no labelled split {split!r}; choose from {', '.join(SPLITS)}")
    parts = SPLITS[split]
    return PairedFiles(
        name="Cityscapes",
        split=split,
        rule=" and ".join(f"{labels}/{frames}" for frames, labels in parts),
        licence=LICENCE,
        schema=schema or _SCHEMA,
        pairs=checked_pairs(pair for frames, labels in parts for pair in _pairs(folder, frames=frames, labels=labels)),
    )


def _pairs(folder: Path, *, frames: str, labels: str) -> list[Pair]:
    for package in (labels, "leftImg8bit"):
        if not (folder / package / frames).is_dir():
            raise InputError(
                f"{folder / package} has no {frames}; download the package of it from cityscapes-dataset.com "
                f"(free account) and extract it into {folder}"
            )
    pairs = []
    for image in picture_paths(folder / "leftImg8bit" / frames):
        name = image.stem.removesuffix("_leftImg8bit")
        mask = folder / labels / frames / image.parent.name / f"{name}_{labels}_labelIds.png"
        pairs.append(Pair(f"{image.parent.name}/{name}", image, mask, sequence=name.rpartition("_")[0]))
    return pairs
