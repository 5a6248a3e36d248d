"""Lists of samples: text files of names, of paths, or of pairs of paths, one file for each split.

train.txt, val.txt, ImageSets/Segmentation/train.txt, train_list.txt ...
a                             a name, with or without suffix
images/a.jpg                  a path, also one of another machine
bear                          a folder of pictures, such as a video, where every line names one
images/a.jpg masks/a.png      a pair: blanks, commas, tabs or semicolons between, slashes or backslashes within
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from atrous.data.annotations.masks import MaskFiles, NamingReader
from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.folder_lists import folder_index, pictures_of_folders
from atrous.data.layouts.list_files import lines_of, list_files, of_one_place
from atrous.data.layouts.split_names import rule_of_names, splits_of_names
from atrous.data.layouts.split_tables import by_number, split_tables
from atrous.data.layouts.tree import Tree, folded
from atrous.data.layouts.words import SPLITS, split_of, stem_role
from atrous.data.pairs import Pair
from atrous.data.splits import Part, Splits

_MASKS = IMAGE_SUFFIXES | {".npy", ".npz", ".mat"}
_SAMPLED = 50


def pair_lists(tree: Tree) -> Contents | None:
    """The pairs that lists name; None where no list is one of pairs."""
    splits: Splits = {}
    faults: list[tuple[str, str]] = []
    used: set[Path] = set()
    for path, split in list_files(tree).items():
        lines, _ = lines_of(tree, path)
        sample = [_pair(tree, line, near=path) for _, line in lines[:_SAMPLED]]
        if not lines or 2 * sum(found is not None for found in sample) <= len(sample):
            continue
        used.add(path)
        pairs: dict[Path, Pair] = {}
        for number, line in lines:
            found = _pair(tree, line, near=path)
            if found is None:
                if number > 1:  # the first line may be a header
                    missing = (
                        f"{tree.root / path} line {number}: {line!r:.200} names no picture and mask that are there"
                    )
                    faults.append(("list", f"{missing}; add them or delete the line"))
                continue
            image, mask = found
            pairs[image] = Pair(image.with_suffix("").as_posix(), tree.root / image, tree.root / mask)
        known = splits.get(split)
        rule = path.name if known is None else f"{known.rule} and {path.name}"
        splits[split] = Part((*(known.pairs if known else ()), *pairs.values()), MaskFiles(), rule)
    if not splits:
        return None
    return Contents("lists of pairs", renamed(splits), used=frozenset(used), faults=tuple(faults))


def told_splits(
    tree: Tree, pairs: Mapping[Path, Pair], words: Mapping[Path, str], *, read: NamingReader, rule: Callable[[str], str]
) -> tuple[Splits, frozenset[Path], tuple[tuple[str, str], ...]]:
    """The splits that folders or files tell, or else those of lists, or of names; without any, all pairs under no name.

    Args:
        tree: The files.
        pairs: By their picture, below the root.
        words: The split of every picture; empty where none is stated.
        read: Reads their masks.
        rule: Says how a split came about.

    Returns:
        The splits, the lists that were read, and faults (kind, line).
    """
    parts: Splits = {
        split: Part(tuple(pairs[image] for image in pairs if words[image] == split), read, rule(split))
        for split in dict.fromkeys(words[image] for image in pairs)
    }
    if any(parts):
        return ordered(parts), frozenset(), ()
    by_list, used, faults = listed_splits(tree, pairs, read=read)
    if not by_list and (named := splits_of_names(pairs)):
        parts = {
            split: Part(tuple(pairs[image] for image in pairs if named[image] == split), read, rule_of_names(split))
            for split in dict.fromkeys(named.values())
        }
    return ordered(by_list or parts), used, faults


def listed_splits(
    tree: Tree, pairs: Mapping[Path, Pair], *, read: NamingReader
) -> tuple[Splits, frozenset[Path], tuple[tuple[str, str], ...]]:
    """The splits that lists of names or paths make of some pairs.

    Args:
        tree: The files.
        pairs: By their picture, below the root.
        read: Reads their masks.

    Returns:
        The splits, the lists, and faults (kind, line); all empty where there is no list that names these pictures.
    """
    by_key = _keys(pairs)
    by_either = _mask_keys(tree, pairs) | by_key
    splits: dict[str, dict[Path, Pair]] = {}
    used: set[Path] = set()
    faults: list[tuple[str, str]] = []
    folders: dict[str, list[Path]] = {}
    sources = {pair.mask for pair in pairs.values()}
    for path, split in of_one_place(tree, list_files(tree)).items():
        if tree.root / path in sources:  # run lengths in `train.csv`
            continue
        lines, wrong = lines_of(tree, path)
        # A list of masks that is called so belongs to one of pictures, and says nothing alone.
        known = by_key if stem_role(path.stem) == "mask" else by_either
        sample = [_listed(tree, line, known, near=path) for _, line in lines[:_SAMPLED]]
        if lines and not any(sample):
            folders = folders or folder_index(tree.pictures)
            below = pictures_of_folders([line for _, line in lines], folders)
            if below is not None:
                used.add(path)
                if named := {image: pairs[image] for image in below if image in pairs}:
                    splits.setdefault(split, {}).update(named)
                continue
        if path.stem in SPLITS and path.suffix == ".txt" and len(path.parts) == 1:
            faults += wrong
        elif not lines or 2 * sum(found in pairs for found in sample) <= len(sample):
            continue
        used.add(path)
        numbers: dict[Path, int] = {}
        for number, line in lines:
            found = _listed(tree, line, known, near=path)
            if found is not None and found in numbers:
                problem = f"{line!r:.200} was listed before, in line {numbers[found]}; delete one"
                faults.append(("list", f"{tree.root / path} line {number}: {problem}"))
            elif found is not None and found in pairs:
                splits.setdefault(split, {})[found] = pairs[found]
                numbers[found] = number
            elif number > 1 or path.suffix != ".csv":  # the first line of a CSV may be a header
                problem = f"{line!r:.200} is no picture with a mask; add it or delete the line"
                faults.append(("list", f"{tree.root / path} line {number}: {problem}"))
    if not splits:
        splits, used = _table_splits(tree, pairs, by_key)
    parts = {split: Part(tuple(some.values()), read, _rule(used, split)) for split, some in splits.items()}
    if parts and "train" not in parts:
        named = {image for some in splits.values() for image in some}
        rest = tuple(pair for image, pair in pairs.items() if image not in named)
        parts["train"] = Part(rest, read, f"all pairs that are not in {' and '.join(sorted(p.name for p in used))}")
    return parts, frozenset(used), tuple(faults)


def _table_splits(
    tree: Tree, pairs: Mapping[Path, Pair], by_key: Mapping[str, Path | None]
) -> tuple[dict[str, dict[Path, Pair]], set[Path]]:
    """The splits of the first file or column that names all pairs; of no file where none does."""
    numbers = by_number([*pairs])
    for path, table in split_tables(tree):
        splits: dict[str, dict[Path, Pair]] = {}
        for split, names in table.items():
            found = [
                numbers.get(one) if type(one) is int else _listed(tree, str(one), by_key, near=path) for one in names
            ]
            splits[split] = {image: pairs[image] for image in found if image is not None and image in pairs}
        if {image for some in splits.values() for image in some} == pairs.keys():
            return splits, {path}
    return {}, set()


def _rule(used: set[Path], split: str) -> str:
    return " and ".join(sorted(path.name for path in used if split_of(path.stem) in (split, "")))


def _pair(tree: Tree, line: str, *, near: Path) -> tuple[Path, Path] | None:
    """The picture and mask that a line names; paths may hold blanks, so every place between two words is tried."""
    for match in re.finditer(r"\s*[,;\t]\s*|\s+", line):
        ends = line[: match.start()], line[match.end() :]
        image, mask = (tree.find(end.strip("\"' "), near=near) for end in ends)
        if image and mask and image != mask and _may_be_pair(image, mask):
            return image, mask
    return None


def _may_be_pair(image: Path, mask: Path) -> bool:
    return image.suffix.lower() in IMAGE_SUFFIXES and mask.suffix.lower() in _MASKS


def _keys(pairs: Mapping[Path, Pair]) -> dict[str, Path | None]:
    """Names of pairs, and base names of their pictures -> picture; None where several have it."""
    found: dict[str, Path | None] = {}
    for image, pair in pairs.items():
        for key in {folded(pair.name), folded(image.stem), folded(image.name)}:
            found[key] = image if found.get(key, image) == image else None
    return found


def _mask_keys(tree: Tree, pairs: Mapping[Path, Pair]) -> dict[str, Path | None]:
    """Names and paths of masks -> picture; None where several have it."""
    found: dict[str, Path | None] = {}
    for image, pair in pairs.items():
        mask = pair.mask.relative_to(tree.root) if pair.mask.is_relative_to(tree.root) else pair.mask
        for key in {folded(mask.name), folded(mask.as_posix())}:
            found[key] = image if found.get(key, image) == image else None
    return found


def _listed(tree: Tree, line: str, by_key: Mapping[str, Path | None], *, near: Path) -> Path | None:
    """The picture that a line names; a number or sign after it, as VOC's lists have, does not count."""
    for text in dict.fromkeys((line, line.strip("\"'"), re.split(r"[\s,;]+", line)[0])):
        if image := by_key.get(folded(text)):
            return image
        if ("/" in text or "\\" in text or "." in text) and (image := tree.find(text, near=near, pictures=True)):
            return by_key.get(folded(image.as_posix())) or image
        path = Path(text)  # of another suffix than the picture has
        if path.suffix.lower() in IMAGE_SUFFIXES and (image := by_key.get(folded(path.stem))):
            return image
    return None


def renamed(splits: Splits) -> Splits:
    """Samples called by the base name of their picture where these differ, otherwise by its whole path."""
    stems = [Path(pair.name).name for part in splits.values() for pair in part.pairs]
    if len({folded(stem) for stem in stems}) < len({pair.image for part in splits.values() for pair in part.pairs}):
        return splits
    return {
        split: replace(part, pairs=tuple(replace(pair, name=Path(pair.name).name) for pair in part.pairs))
        for split, part in splits.items()
    }


def ordered(splits: Splits) -> Splits:
    """The splits with `train` and `val` first."""
    first: Sequence[str] = [name for name in ("train", "val", "test") if name in splits]
    return {name: splits[name] for name in [*first, *(name for name in splits if name not in first)]}
