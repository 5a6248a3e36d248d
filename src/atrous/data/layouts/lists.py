"""Lists of samples: text files of names, of paths, or of pairs of paths, one file for each split.

train.txt, val.txt, ImageSets/Segmentation/train.txt, train_list.txt ...
a                             a name, with or without suffix
images/a.jpg                  a path, also one of another machine
images/a.jpg masks/a.png      a pair: blanks, commas, tabs or semicolons between, slashes or backslashes within
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from atrous.data.annotations.masks import MaskFiles, NamingReader
from atrous.data.complaints import collecting
from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.formats.lists import read_lines
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.split_tables import by_number, split_tables
from atrous.data.layouts.tree import Tree, folded
from atrous.data.layouts.words import SPLITS, split_of
from atrous.data.pairs import Pair
from atrous.data.splits import Part, Splits

_SUFFIXES = (".txt", ".lst", ".csv", ".list", ".tsv")
_MASKS = IMAGE_SUFFIXES | {".npy", ".npz", ".mat"}
_SAMPLED = 50
_CVAT = ("ImageSets", "Segmentation", "default.txt")
"""The list of CVAT's tasks without subsets: all that was labelled."""


def list_files(tree: Tree) -> dict[Path, str]:
    """The files whose names tell a split, such as `val.txt` or `train_list.txt`, with that split.

    Where none does, CVAT's `default.txt` names the pictures to train on.
    """
    named = ((path, split_of(path.stem)) for path in tree.with_suffix(*_SUFFIXES))
    found = {path: split for path, split in named if split}
    if not found:
        found = {path: "train" for path in tree.with_suffix(".txt") if path.parts[-3:] == _CVAT}
    trained = {path.parent for path, split in found.items() if split == "train" and "trainval" not in path.stem.lower()}
    return {
        path: split
        for path, split in found.items()
        if "trainval" not in path.stem.lower() or path.parent not in trained
    }


def pair_lists(tree: Tree) -> Contents | None:
    """The pairs that lists name; None where no list is one of pairs."""
    splits: Splits = {}
    faults: list[tuple[str, str]] = []
    used: set[Path] = set()
    for path, split in list_files(tree).items():
        lines, _ = _lines(tree, path)
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
    return Contents("lists of pairs", _renamed(splits), used=frozenset(used), faults=tuple(faults))


def told_splits(
    tree: Tree, pairs: Mapping[Path, Pair], words: Mapping[Path, str], *, read: NamingReader, rule: Callable[[str], str]
) -> tuple[Splits, frozenset[Path], tuple[tuple[str, str], ...]]:
    """The splits that folders or files tell, or else those of lists; without either, all pairs under no name.

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
    splits: dict[str, dict[Path, Pair]] = {}
    used: set[Path] = set()
    faults: list[tuple[str, str]] = []
    sources = {pair.mask for pair in pairs.values()}
    for path, split in _one_place(list_files(tree)).items():
        if tree.root / path in sources:  # run lengths in `train.csv`
            continue
        lines, wrong = _lines(tree, path)
        sample = [_listed(tree, line, by_key, near=path) for _, line in lines[:_SAMPLED]]
        if path.stem in SPLITS and path.suffix == ".txt" and len(path.parts) == 1:
            faults += wrong
        elif not lines or 2 * sum(found in pairs for found in sample) <= len(sample):
            continue
        used.add(path)
        numbers: dict[Path, int] = {}
        for number, line in lines:
            found = _listed(tree, line, by_key, near=path)
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


def _one_place(lists: Mapping[Path, str]) -> dict[Path, str]:
    """The lists of one folder: VOC has others for other tasks beside those of segmentation."""
    ranked = sorted(lists, key=lambda path: ("segmentation" not in str(path.parent).lower(), len(path.parts)))
    return {path: split for path, split in lists.items() if path.parent == ranked[0].parent}


def _rule(used: set[Path], split: str) -> str:
    return " and ".join(sorted(path.name for path in used if split_of(path.stem) in (split, "")))


def _lines(tree: Tree, path: Path) -> tuple[list[tuple[int, str]], list[tuple[str, str]]]:
    """The lines of a list with their numbers, and faults where it is no text or has no lines."""
    with collecting() as complaints:
        lines = read_lines(tree.root / path)
    return lines, [(complaint.kind, complaint.line) for complaint in complaints]


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


def _listed(tree: Tree, line: str, by_key: Mapping[str, Path | None], *, near: Path) -> Path | None:
    """The picture that a line names; a number or sign after it, as VOC's lists have, does not count."""
    for text in dict.fromkeys((line, line.strip("\"'"), re.split(r"[\s,;]+", line)[0])):
        if image := by_key.get(folded(text)):
            return image
        if ("/" in text or "\\" in text or "." in text) and (image := tree.find(text, near=near, pictures=True)):
            return image
        path = Path(text)  # of another suffix than the picture has
        if path.suffix.lower() in IMAGE_SUFFIXES and (image := by_key.get(folded(path.stem))):
            return image
    return None


def _renamed(splits: Splits) -> Splits:
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
