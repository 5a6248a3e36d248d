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

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from atrous.data.annotations.masks import ANNOTATIONS, NamingReader, find_images, find_masks, has_masks
from atrous.data.annotations.scan import scan
from atrous.data.complaints import complain
from atrous.data.formats.lists import read_lines
from atrous.data.pairs import Pair, PairedFiles
from atrous.data.schema import Schema
from atrous.errors import InputError


@dataclass(frozen=True)
class Part:
    """A split: its pairs, what reads their masks, and how it was chosen."""

    pairs: tuple[Pair, ...]
    read: NamingReader
    rule: str


Splits = dict[str, Part]


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
    return _disjoint(splits)


def chosen_part(splits: Splits, *, split: str, folder: Path) -> Part:
    """A split by its name; raises InputError where the folder has none of that name."""
    if split not in splits:
        raise InputError(f"{folder} has no split {split!r}; choose from {', '.join(sorted(splits))}")
    return splits[split]


def hold_out(pairs: tuple[Pair, ...], *, folder: Path) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """The rest and a tenth, at least one, chosen by the SHA-256 of the names; both keep the order given."""
    if len(pairs) < 2:
        line = f"{folder} has {len(pairs)} labelled picture; at least two are needed, for train and val"
        complain(line, kind="too few pictures")
        return pairs, ()
    ranked = sorted(pairs, key=lambda pair: hashlib.sha256(pair.name.encode()).digest())
    held = {pair.name for pair in ranked[: max(1, len(pairs) // 10)]}
    return tuple(pair for pair in pairs if pair.name not in held), tuple(pair for pair in pairs if pair.name in held)


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
                complain(line, kind="no mask")
        paired = tuple(Pair(key, images[key], masks[key]) for key in chosen if key in masks)
        splits[name] = Part(paired, read, path.name)
    if "train" not in splits:
        listed = {pair.name for part in splits.values() for pair in part.pairs}
        rest = tuple(pair for pair in _all_pairs(folder, images=images, masks=masks) if pair.name not in listed)
        others = " and ".join(f"{name}.txt" for name in splits)
        splits["train"] = Part(rest, read, f"all pairs that are not in {others}" if splits else "all pairs")
    return _with_validation(folder, splits)


def _folder_splits(folder: Path) -> Splits:
    for part in (folder / "val", folder / "test"):
        if part.is_dir() and not has_masks(part):
            line = f"{part} lacks the folders images and masks; add them, or rename {part} to leave it out"
            complain(line, kind="missing folder")
    splits: Splits = {}
    for part in sorted(path for path in folder.iterdir() if has_masks(path)):
        images = find_images(part)
        masks, read = find_masks(part, images=images)
        splits[part.name] = Part(_all_pairs(part, images=images, masks=masks), read, f"folder {part.name}")
    return _with_validation(folder, splits)


def _with_validation(folder: Path, splits: Splits) -> Splits:
    part = splits["train"]
    if not part.pairs:
        complain(f"{folder} leaves no pictures for training; shorten the lists or add pictures", kind="empty split")
        return splits
    if "val" in splits:
        return splits
    train, val = hold_out(part.pairs, folder=folder)
    tenth = f"{len(val)} of {len(part.pairs)} pictures, by SHA-256 of the name"
    return {
        **splits,
        "train": replace(part, pairs=train, rule=f"{part.rule} without val"),
        "val": replace(part, pairs=val, rule=tenth),
    }


def _all_pairs(folder: Path, *, images: dict[str, Path], masks: dict[str, Path]) -> tuple[Pair, ...]:
    for ours, theirs, kind in ((images, masks, "mask"), (masks, images, "image")):
        for key, path in ours.items():
            if key not in theirs:
                alone = _displayed(path.relative_to(folder), key=key)
                line = (
                    f"no {kind} for {alone} in {folder}; files pair by name without suffix: add it or move {alone} away"
                )
                complain(line, kind=f"no {kind}")
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


def _disjoint(splits: Splits) -> Splits:
    """The splits, with every picture in the first of those that name it; complains of the others."""
    seen: dict[Path, str] = {}
    for name, part in splits.items():
        for pair in part.pairs:
            if seen.setdefault(pair.image, name) != name:
                line = f"{pair.image} is in both {seen[pair.image]} and {name}; take it out of one of them"
                complain(line, kind="split overlap")
    return {
        name: replace(part, pairs=tuple(pair for pair in part.pairs if seen[pair.image] == name))
        for name, part in splits.items()
    }


def _displayed(path: Path, *, key: str) -> str:
    """A file, or the entry of a file about all pictures."""
    return f"{path} ({key})" if path == Path(ANNOTATIONS) else str(path)
