"""CamVid as the SegNet tutorial lays it out: 480x360 frames of four drives, 11 classes.

    train.txt                       lines '/SegNet/CamVid/train/NAME.png /SegNet/CamVid/trainannot/NAME.png'
    train/, trainannot/             367 frames; val/, valannot/ 101; test/, testannot/ 233

A frame's name starts with its drive, the sequence: `0006R0_f00930` is of `0006R0`. `val` is one short clip of `0016E5`,
of which `train` holds neighbouring frames; to choose settings, hold out a whole sequence of `train` instead.

Splits:
    train, val, test    the frames of that list
    train-0006R0        a list without one sequence (or several: train-0006R0-0001TP)
    0006R0              the frames of one sequence in `train`
"""

from itertools import islice
from pathlib import Path, PurePosixPath

from atrous.data.complaints import complain
from atrous.data.formats.lists import read_lines
from atrous.data.pairs import Pair, PairedFiles
from atrous.data.schema import Schema
from atrous.errors import InputError
from atrous.labels import LabelSpace

CAMVID = LabelSpace(
    names=(
        "Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist",
    ),
    palette=(
        (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0), (192, 128, 128),
        (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
    ),
    ignore=11,
)  # fmt: skip
"""The 11 classes in the order of the SegNet tutorial with its colours; 11 is unlabelled."""

LICENCE = "research and personal use only (CC BY-NC 4.0, SegNet tutorial)"
CITATION = (
    "G. J. Brostow, J. Fauqueur, R. Cipolla: Semantic object classes in video: "
    "a high-definition ground truth database. Pattern Recognition Letters 30 (2009)"
)
DRIVES = ("0001TP_", "0006R0_", "0016E5_", "Seq05VD_")
_LISTS = ("train", "val", "test")


def is_camvid(folder: Path) -> bool:
    """Return True if a folder has the SegNet layout: a list, the annotation folder of its name, frames of CamVid."""
    folders = [folder / name for name in _LISTS if _has_parts(folder, name)]
    names = [path.name for part in folders if part.is_dir() for path in islice(part.iterdir(), 20)]
    return bool(folders) and (not names or any(name.startswith(DRIVES) for name in names))


def _has_parts(folder: Path, name: str) -> bool:
    return (folder / f"{name}.txt").is_file() and (folder / f"{name}annot").is_dir()


def open_camvid(folder: Path, *, split: str, schema: Schema | None = None) -> PairedFiles:
    """Open a split of CamVid, or of other data in the same layout.

    Args:
        folder: Holds `train.txt`, `train/`, `trainannot/` and so on.
        split: See the top of this file.
        schema: The meaning of the masks where the data is not CamVid.

    Raises:
        InputError: If the split is unknown or empty, or a list names a file that is not there.
    """
    name, *without = split.split("-")
    available = [listed for listed in _LISTS if (folder / f"{listed}.txt").is_file()]
    if name in available:
        pairs, rule = _listed(folder, name=name), f"{name}.txt"
    elif "train" in available and not without:
        pairs = tuple(pair for pair in _listed(folder, name="train") if sequence(pair.name) == name)
        rule = f"sequence {name} of train.txt"
    else:
        pairs, rule = (), ""
    known = {sequence(pair.name) for pair in pairs}
    if not pairs or not known.issuperset(without):
        choices = ", ".join([*available, "a sequence of train such as 0006R0", "or a list without one: train-0006R0"])
        raise InputError(f"{folder} has no split {split!r}; choose from {choices}")
    if without:
        rule += f" without sequence {', '.join(without)}"
    kept = tuple(pair for pair in pairs if sequence(pair.name) not in without)
    if not kept:
        raise InputError(f"split {split!r} of {folder} leaves no frames")
    return PairedFiles(
        name="CamVid" if schema is None else folder.resolve().name,
        split=split,
        rule=rule,
        licence=LICENCE if schema is None else "not stated",
        schema=schema or Schema(CAMVID),
        pairs=kept,
    )


def sequence(name: str) -> str:
    """The drive that a frame is of: its name up to the first underscore."""
    return name.partition("_")[0]


def _listed(folder: Path, *, name: str) -> tuple[Pair, ...]:
    source = folder / f"{name}.txt"
    pairs = []
    for number, line in read_lines(source):
        tokens = line.split()
        if len(tokens) != 2:
            complain(f"{source} line {number}: expected an image and a mask, found {line!r}; correct it", kind="list")
            continue
        image, mask = (_beside(folder, listed=token) for token in tokens)
        missing = [path for path in (image, mask) if not path.is_file()]
        for path in missing:
            complain(f"{source} line {number}: {path} does not exist; add it or delete the line", kind="missing file")
        if not missing:
            pairs.append(Pair(name=image.stem, image=image, mask=mask, sequence=sequence(image.stem)))
    return tuple(pairs)


def _beside(folder: Path, *, listed: str) -> Path:
    """The lists keep the paths of the machine they were written on; the last two parts are what counts."""
    return folder.joinpath(*(part for part in PurePosixPath(listed).parts[-2:] if part not in ("..", "/")))
