"""Two lists whose lines correspond: pictures in one file, their masks in another, a pair of files for each split.

train_images.txt   A/pic0.jpg       train_masks.txt   B/ann7.png
                   A/pic1.jpg                         B/ann2.png

They count before any likeness of names, unless names of equal pictures and masks stand in another order.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from atrous.data.annotations.masks import MaskFiles
from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import split_of_folders
from atrous.data.layouts.list_files import lines_of
from atrous.data.layouts.lists import ordered, renamed
from atrous.data.layouts.pairing import Affixes, pairings
from atrous.data.layouts.roles import ARRAY_SUFFIXES
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import IMAGE_WORDS, MASK_WORDS, kind_words, split_of
from atrous.data.pairs import Pair
from atrous.data.splits import Part, Splits

_SUFFIXES = (".txt", ".lst", ".list")
_MASKS = IMAGE_SUFFIXES | ARRAY_SUFFIXES
_LIST_WORDS = frozenset({"list", "lists", "names", "paths", "path", "files", "file", "filenames"})


@dataclass(frozen=True)
class ParallelLists:
    """Two lists whose lines correspond.

    Attributes:
        split: The split that their names tell; empty where they tell none.
        images: List of pictures, below the root.
        masks: List of their masks.
        pairs: Masks by their pictures; empty where the lists cannot be used.
        wrong: Why they cannot be used.
    """

    split: str
    images: Path
    masks: Path
    pairs: Mapping[Path, Path]
    wrong: str = ""


def parallel_lists(tree: Tree) -> list[ParallelLists]:
    """Every two lists that look as if their lines corresponded, usable or not."""
    return [lists for lists in _read(tree) if lists.pairs or lists.wrong]


def listed_pairs(tree: Tree, found: Sequence[ParallelLists]) -> Contents | None:
    """The pairs of all lists whose lines correspond; None where there are none, or some cannot be used."""
    if not found or any(lists.wrong for lists in found) or _unlisted_splits(tree, found):
        return None
    splits: Splits = {}
    for lists in found:
        pairs = [Pair(image.with_suffix("").as_posix(), tree.root / image, tree.root / mask)
                 for image, mask in lists.pairs.items()]  # fmt: skip
        known = splits.get(lists.split)
        rule = _shown(lists) if known is None else f"{known.rule}, {_shown(lists)}"
        splits[lists.split] = Part((*(known.pairs if known else ()), *pairs), MaskFiles(), rule)
    notes = [f"{len(lists.pairs)} pictures and masks pair by the lines of {_shown(lists)}" for lists in found]
    used = frozenset(path for lists in found for path in (lists.images, lists.masks))
    return Contents("lists of pictures and of masks", ordered(renamed(splits)), used=used, notes=tuple(notes))


def notes_on_lists(tree: Tree, found: Sequence[ParallelLists], used: Collection[Path]) -> list[str]:
    """A line about every two lists that look as if their lines corresponded, and cannot be used."""
    unlisted = _unlisted_splits(tree, found)
    others = f"folders hold pictures of {' and '.join(unlisted)}, which no such lists name" if unlisted else ""
    return [
        f"the lines of {_shown(lists)} are not used to pair: {lists.wrong or others}"
        for lists in found
        if (lists.wrong or others) and not {lists.images, lists.masks} <= {*used}
    ]


def _unlisted_splits(tree: Tree, found: Sequence[ParallelLists]) -> list[str]:
    """Splits that folders of other pictures tell, and that no lists are for."""
    listed = {path for lists in found for pair in lists.pairs.items() for path in pair}
    told = {split_of_folders(path) for path in tree.pictures if path not in listed}
    return sorted(told - {""} - {lists.split for lists in found})


def _shown(lists: ParallelLists) -> str:
    return f"{lists.images} and {lists.masks}"


def _read(tree: Tree) -> list[ParallelLists]:
    groups: dict[tuple[Path, str, str], dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    for path in tree.with_suffix(*_SUFFIXES):
        words = kind_words(path.stem)
        roles = {"mask" if word in MASK_WORDS else "image" for word in words if word in MASK_WORDS | IMAGE_WORDS}
        if len(roles) == 1:
            rest = [word for word in words if word not in MASK_WORDS | IMAGE_WORDS | _LIST_WORDS]
            whole = "trainval" if "trainval" in path.stem.lower() else split_of(path.stem)
            groups[path.parent, whole, " ".join(rest)][roles.pop()].append(path)
    both = {key: some for key, some in groups.items() if len(some["image"]) == len(some["mask"]) == 1}
    return [
        _lists(tree, "train" if split == "trainval" else split, some["image"][0], some["mask"][0])
        for (folder, split, rest), some in both.items()
        if split != "trainval" or (folder, "train", rest) not in both
    ]


def _lists(tree: Tree, split: str, images: Path, masks: Path) -> ParallelLists:
    ours, theirs = _files(tree, images, IMAGE_SUFFIXES), _files(tree, masks, _MASKS)
    if not _are_files(ours, IMAGE_SUFFIXES) or not _are_files(theirs, _MASKS):
        return ParallelLists(split, images, masks, {})
    wrong = ""
    for path, some in ((images, ours), (masks, theirs)):
        for number, line, file in some:
            if file is None and not wrong:
                wrong = f"{path} line {number}: {line!r:.200} names no file that is there"
    if len(ours) != len(theirs):
        wrong = f"they have {len(ours)} and {len(theirs)} lines"
    pairs = {image: mask for (_, _, image), (_, _, mask) in zip(ours, theirs, strict=False) if image and mask}
    if not wrong and min(len(pairs), len({*pairs.values()})) < len(ours):
        wrong = "a file is named twice"
    if not wrong and (both := sorted(pairs.keys() & {*pairs.values()})):
        wrong = f"both name {both[0]}"
    if not wrong and _names_disagree(pairs):
        wrong = "names of the same pictures and masks stand in another order"
    return ParallelLists(split, images, masks, {} if wrong else pairs, wrong)


def _files(tree: Tree, path: Path, suffixes: Collection[str]) -> list[tuple[int, str, Path | None]]:
    """The lines of a list with their numbers, and the file that each names."""
    found = []
    for number, line in lines_of(tree, path)[0]:
        text = line.strip("\"'")
        file = tree.find(text, near=path) or tree.find(text, near=path, pictures=True)
        found.append((number, line, file if file and file.suffix.lower() in suffixes else None))
    return found


def _are_files(lines: Sequence[tuple[int, str, Path | None]], suffixes: Collection[str]) -> bool:
    """Return True if most lines name files that are there, or would be of the right kind."""
    named = [file is not None or Path(line.strip("\"'")).suffix.lower() in suffixes for _, line, file in lines]
    return 2 * sum(named) > len(named)


def _names_disagree(pairs: Mapping[Path, Path]) -> bool:
    """Return True if names that are equal but for words such as `mask` pair all files, and otherwise than lines do."""
    images, masks = ({file.stem: file for file in side} for side in (pairs.keys(), pairs.values()))
    best = next(iter(pairings([*images], [*masks])), None)
    if best is None or best.affixes is None or len(best.pairs) < len(pairs) or not _only_say_roles(best.affixes):
        return False
    return any(pairs[images[image]] != masks[mask] for image, mask in best.pairs.items())


def _only_say_roles(affixes: Affixes) -> bool:
    words = re.findall(r"[^\W_]+", " ".join((*affixes.image, *affixes.mask)))
    return all(word in MASK_WORDS | IMAGE_WORDS for word in words)
