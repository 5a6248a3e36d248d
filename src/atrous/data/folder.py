"""A user's own folder of pictures and masks.

Either one folder of each, paired by name without suffix, with optional lists (one name a line, suffix or not):

    images/a.jpg   masks/a.png   train.txt   val.txt   test.txt

or a folder per split:

    train/images/a.jpg   train/masks/a.png   val/images/b.jpg   val/masks/b.png

Folders inside `images/` are searched too; `x/a.jpg` pairs with `masks/x/a.png` and is called `x/a`. Files that start
with a dot are left out; any other file that is not a picture is an error.

Where no validation split is given, `val` is a tenth of the training pictures (at least one), those whose names have the
smallest SHA-256, and `train` is the rest: the same on every machine, whatever the order of the files. With only a
`val.txt`, `train` is every other pair.

What the masks mean stands in `schema.toml`. Without it all masks are read once: values 0..n-1 (and 255 for ignore)
become classes without names.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from atrous.data.images import IMAGE_SUFFIXES, natural_key, read_labels
from atrous.data.lists import read_lines
from atrous.data.pairs import Pair, PairedFiles
from atrous.data.schema import SCHEMA_FILE, Schema, count_values
from atrous.errors import InputError
from atrous.labels import LabelSpace

_IGNORE = 255
_PROPOSED = 32
"""More values than this in a mask are not class ids that somebody forgot to number."""

Splits = dict[str, tuple[tuple[Pair, ...], str]]
"""Pairs of each split, and how the split came about."""


def is_plain_folder(folder: Path) -> bool:
    """Whether a folder has one of the two layouts."""
    return _has_pairs(folder) or _has_pairs(folder / "train")


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
    splits = _listed_splits(folder) if _has_pairs(folder) else _folder_splits(folder)
    if split not in splits:
        raise InputError(f"{folder} has no split {split!r}; choose from {', '.join(sorted(splits))}")
    _check_disjoint(splits)
    everything = [pair for pairs, _ in splits.values() for pair in pairs]
    pairs, rule = splits[split]
    return PairedFiles(
        name=folder.resolve().name,
        split=split,
        rule=rule,
        licence="not stated",
        schema=schema or _scan(folder, everything),
        pairs=pairs,
    )


def hold_out(pairs: tuple[Pair, ...], *, folder: Path) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """The rest and a tenth, at least one, chosen by the SHA-256 of the names; both keep the order given."""
    if len(pairs) < 2:
        raise InputError(f"{folder} has {len(pairs)} labelled picture; at least two are needed, for train and val")
    ranked = sorted(pairs, key=lambda pair: hashlib.sha256(pair.name.encode()).digest())
    held = {pair.name for pair in ranked[: max(1, len(pairs) // 10)]}
    return tuple(pair for pair in pairs if pair.name not in held), tuple(pair for pair in pairs if pair.name in held)


def _has_pairs(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def _listed_splits(folder: Path) -> Splits:
    images, masks = _files(folder / "images"), _files(folder / "masks")
    lists = {path.stem: path for path in sorted(folder.glob("*.txt")) if path.stem in ("train", "val", "test")}
    splits: Splits = {}
    for name, path in lists.items():
        chosen = _chosen(path, images=images)
        missing = [key for key in chosen if key not in masks]
        if missing:
            raise InputError(f"no mask in {folder / 'masks'} for {_some(missing)}, listed in {path}")
        splits[name] = tuple(Pair(key, images[key], masks[key]) for key in chosen), path.name
    if "train" not in splits:
        listed = {pair.name for pairs, _ in splits.values() for pair in pairs}
        rest = tuple(pair for pair in _all_pairs(folder, images=images, masks=masks) if pair.name not in listed)
        others = " and ".join(f"{name}.txt" for name in splits)
        splits["train"] = rest, f"all pairs that are not in {others}" if splits else "all pairs"
    return _with_validation(folder, splits)


def _folder_splits(folder: Path) -> Splits:
    for part in (folder / "val", folder / "test"):
        if part.is_dir() and not _has_pairs(part):
            raise InputError(f"{part} lacks the folders images and masks; add them, or rename {part} to leave it out")
    splits: Splits = {}
    for part in sorted(path for path in folder.iterdir() if _has_pairs(path)):
        images, masks = _files(part / "images"), _files(part / "masks")
        splits[part.name] = _all_pairs(part, images=images, masks=masks), f"folder {part.name}"
    return _with_validation(folder, splits)


def _with_validation(folder: Path, splits: Splits) -> Splits:
    pairs, rule = splits["train"]
    if not pairs:
        raise InputError(f"{folder} leaves no pictures for training; shorten the lists or add pictures")
    if "val" in splits:
        return splits
    train, val = hold_out(pairs, folder=folder)
    tenth = f"{len(val)} of {len(pairs)} pictures, by SHA-256 of the name"
    return {**splits, "train": (train, f"{rule} without val"), "val": (val, tenth)}


def _files(folder: Path) -> dict[str, Path]:
    """Pictures in a folder by relative path without suffix, in natural order."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*"), key=natural_key):
        relative = path.relative_to(folder)
        if path.is_dir() or any(part.startswith(".") for part in relative.parts):
            continue
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            known = ", ".join(sorted(IMAGE_SUFFIXES))
            raise InputError(f"{path} is not a picture ({known}); move it out of {folder}")
        key = relative.with_suffix("").as_posix()
        if key in found:
            raise InputError(f"{found[key]} and {path} have the same name without suffix; rename or remove one")
        found[key] = path
    if not found:
        raise InputError(f"{folder} is empty; put the {folder.name} there")
    return found


def _all_pairs(folder: Path, *, images: dict[str, Path], masks: dict[str, Path]) -> tuple[Pair, ...]:
    for ours, theirs, kind in ((images, masks, "mask"), (masks, images, "image")):
        if alone := [ours[key] for key in ours if key not in theirs]:
            raise InputError(
                f"no {kind} for {_some([path.relative_to(folder) for path in alone])} in {folder}; files pair by name "
                f"without suffix: add the {kind}{'s' * (len(alone) > 1)} or move these away"
            )
    return tuple(Pair(key, images[key], masks[key]) for key in images)


def _chosen(path: Path, *, images: dict[str, Path]) -> list[str]:
    """The keys that a list names, with or without suffix."""
    by_file = {Path(key).with_name(image.name).as_posix(): key for key, image in images.items()}
    chosen: dict[str, int] = {}
    for number, line in read_lines(path):
        key = line if line in images else by_file.get(line)
        if key is None:
            raise InputError(f"{path} line {number}: no picture {line!r} in {path.parent / 'images'}")
        if key in chosen:
            raise InputError(f"{path} line {number}: {line!r} was listed before, in line {chosen[key]}; delete one")
        chosen[key] = number
    return list(chosen)


def _check_disjoint(splits: Splits) -> None:
    seen: dict[Path, str] = {}
    for name, (pairs, _) in splits.items():
        for pair in pairs:
            if other := seen.get(pair.image):
                raise InputError(f"{pair.image} is in both {other} and {name}; take it out of one of them")
            seen[pair.image] = name


def _scan(folder: Path, pairs: list[Pair]) -> Schema:
    """The label space that all masks together show."""
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        per_mask = list(pool.map(lambda pair: np.unique(read_labels(pair.mask)), pairs))
    values = [int(value) for value in np.unique(np.concatenate(per_mask))]
    ids = [value for value in values if value != _IGNORE]
    if len(ids) > 1 and ids == list(range(len(ids))):
        return Schema(LabelSpace.unnamed(len(ids)))
    suspects = range(len(ids)) if len(ids) > 1 else range(1)
    pair = next((p for p, found in zip(pairs, per_mask, strict=True) if not np.isin(found, suspects).all()), pairs[0])
    raise InputError(
        f"{pair.mask} has {count_values(read_labels(pair.mask))}; without {SCHEMA_FILE} masks hold 0..n-1 for two "
        f"classes or more, and {_IGNORE} for ignore; {_proposal(folder, values=values)}"
    )


def _proposal(folder: Path, *, values: list[int]) -> str:
    """The schema that would make these masks usable, on one line."""
    if len(values) > _PROPOSED:
        return f"{len(values)} different values look like a picture or smoothed edges, not class ids: correct the masks"
    if len(values) == 1:
        return f"all masks hold nothing but {values[0]}: there is nothing to learn; correct the masks"
    ids = values if len(values) == 2 else [value for value in values if value != _IGNORE]
    names = ", ".join(f'"value {value}"' for value in ids)
    table = ", ".join(f"{value} = {label}" for label, value in enumerate(ids))
    return f"write {folder / SCHEMA_FILE} with the two lines: classes = [{names}] and: remap = {{ {table} }}"


def _some(items: list[str] | list[Path]) -> str:
    shown = ", ".join(str(item) for item in items[:3])
    return shown + (f" and {len(items) - 3} more" if len(items) > 3 else "")
