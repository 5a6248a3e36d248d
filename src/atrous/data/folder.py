"""A user's own folder of pictures and masks.

Either one folder of each, paired by name without suffix, with optional lists (one name a line, suffix or not):

    images/a.jpg   masks/a.png   train.txt   val.txt   test.txt

or a folder per split:

    train/images/a.jpg   train/masks/a.png   val/images/b.jpg   val/masks/b.png

Folders inside `images/` are searched too; `x/a.jpg` pairs with `masks/x/a.png` and is called `x/a`. Files that start
with a dot are left out; any other file that is not a picture is an error. Masks come in many formats:
`data/annotations/masks.py`.

Where no validation split is given, `val` is a tenth of the training pictures (at least one), those whose names have the
smallest SHA-256, and `train` is the rest: the same on every machine, whatever the order of the files. With only a
`val.txt`, `train` is every other pair.

The meaning of the masks stands in `schema.toml`. Without it all masks are read once (`data/annotations/scan.py`):
values 0..n-1 (and 255 for ignore) become classes without names, names become classes.
"""

from pathlib import Path

from atrous.data.annotations.masks import ANNOTATIONS, find_images, find_masks, has_masks
from atrous.data.annotations.scan import scan
from atrous.data.complaints import complain
from atrous.data.formats.lists import read_lines
from atrous.data.layouts.background import OR_BACKGROUND
from atrous.data.pairs import Pair, PairedFiles
from atrous.data.schema import Schema
from atrous.data.splits import Part, Splits, chosen_part, disjoint, with_validation


def is_plain_folder(folder: Path) -> bool:
    """Return True if a folder has one of the two layouts."""
    return has_masks(folder) or has_masks(folder / "train")


def open_folder(folder: Path, *, split: str, schema: Schema | None = None) -> PairedFiles:
    """Open a split of a plain folder.

    Args:
        folder: The data.
        split: `train`, `val`, or another for which there is a folder or a `test.txt`.
        schema: The meaning of the masks; without it the masks are scanned.

    Raises:
        InputError: If the split is unknown, pictures and masks do not pair up, a list names what is not there, a
            picture is in two splits, or masks without a schema hold anything but 0..n-1 and 255.
    """
    splits = folder_splits(folder)
    part = chosen_part(splits, split=split, folder=folder)
    return PairedFiles(
        name=folder.resolve().name,
        split=split,
        rule=part.rule,
        licence="not stated",
        schema=schema or scan(folder, [(pair, part.read) for part in splits.values() for pair in part.pairs]),
        pairs=part.pairs,
        read=part.read,
    )


def folder_splits(folder: Path) -> Splits:
    """Every split of a plain folder; raises InputError as `open_folder` does, but for what masks hold."""
    splits = _listed_splits(folder) if has_masks(folder) else _folder_splits(folder)
    return disjoint(splits)


def _listed_splits(folder: Path) -> Splits:
    images = find_images(folder)
    masks, read = find_masks(folder, images=images)
    lists = {path.stem: path for path in sorted(folder.glob("*.txt")) if path.stem in ("train", "val", "test")}
    splits: Splits = {}
    for name, path in lists.items():
        chosen = _chosen(path, images=images)
        for key in chosen:
            if key not in masks:
                line = f"no mask in {folder / 'masks'} for {key}, listed in {path}; add it or delete the line"
                complain(line + OR_BACKGROUND, kind="no mask")
        paired = tuple(Pair(key, images[key], masks[key]) for key in chosen if key in masks)
        splits[name] = Part(paired, read, path.name)
    if "train" not in splits:
        listed = {pair.name for part in splits.values() for pair in part.pairs}
        rest = tuple(pair for pair in _all_pairs(folder, images=images, masks=masks) if pair.name not in listed)
        others = " and ".join(f"{name}.txt" for name in splits)
        splits["train"] = Part(rest, read, f"all pairs that are not in {others}" if splits else "all pairs")
    return with_validation(folder, splits)


def _folder_splits(folder: Path) -> Splits:
    for part in (folder / "val", folder / "test"):
        if part.is_dir() and not has_masks(part):
            line = f"{part} lacks the folders images and masks; add them, or rename {part} to leave it out"
            complain(line, kind="missing folder" if part.name == "val" else "unlabelled test")
    splits: Splits = {}
    for part in sorted(path for path in folder.iterdir() if has_masks(path)):
        images = find_images(part)
        masks, read = find_masks(part, images=images)
        splits[part.name] = Part(_all_pairs(part, images=images, masks=masks), read, f"folder {part.name}")
    return with_validation(folder, splits)


def _all_pairs(folder: Path, *, images: dict[str, Path], masks: dict[str, Path]) -> tuple[Pair, ...]:
    for ours, theirs, kind in ((images, masks, "mask"), (masks, images, "image")):
        for key, path in ours.items():
            if key not in theirs:
                alone = _displayed(path.relative_to(folder), key=key)
                line = (
                    f"no {kind} for {alone} in {folder}; files pair by name without suffix: add it or move {alone} away"
                )
                complain(line + OR_BACKGROUND * (kind == "mask"), kind=f"no {kind}")
    return tuple(Pair(key, images[key], masks[key]) for key in images if key in masks)


def _chosen(path: Path, *, images: dict[str, Path]) -> list[str]:
    """The keys that a list names, with or without suffix."""
    by_file = {Path(key).with_name(image.name).as_posix(): key for key, image in images.items()}
    chosen: dict[str, int] = {}
    for number, line in read_lines(path):
        key = line if line in images else by_file.get(line)
        if key is None:
            wrong = f"no picture {line!r} in {path.parent / 'images'}; add it or delete the line"
        elif key in chosen:
            wrong = f"{line!r} was listed before, in line {chosen[key]}; delete one"
        else:
            chosen[key] = number
            continue
        complain(f"{path} line {number}: {wrong}", kind="list")
    return list(chosen)


def _displayed(path: Path, *, key: str) -> str:
    """A file, or the entry of a file about all pictures."""
    return f"{path} ({key})" if path == Path(ANNOTATIONS) else str(path)
