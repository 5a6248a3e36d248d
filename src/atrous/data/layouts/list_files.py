"""The text files that list the pictures of a split: which ones they are, and their lines."""

from collections.abc import Mapping
from pathlib import Path

from atrous.data.complaints import collecting
from atrous.data.formats.lists import read_lines
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import split_of

_SUFFIXES = (".txt", ".lst", ".csv", ".list", ".tsv")
_CVAT = ("ImageSets", "Segmentation", "default.txt")
"""The list of CVAT's tasks without subsets: all that was labelled."""
_MOST_COUNTED = 200
"""Lists whose lines are counted; more are files of labels with names such as `test_0001.txt`."""


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


def of_one_place(tree: Tree, lists: Mapping[Path, str]) -> dict[Path, str]:
    """The lists of one folder: VOC has others for other tasks beside those of segmentation, DAVIS those of a subset."""
    ranks = {path.parent: ("segmentation" not in str(path.parent).lower(), len(path.parts)) for path in lists}
    best = [place for place, rank in ranks.items() if rank == min(ranks.values())]
    if len(best) > 1 and len(lists) <= _MOST_COUNTED:
        lines = {place: sum(len(lines_of(tree, path)[0]) for path in lists if path.parent == place) for place in best}
        best.sort(key=lambda place: -lines[place])
    return {path: split for path, split in lists.items() if path.parent in best[:1]}


def lines_of(tree: Tree, path: Path) -> tuple[list[tuple[int, str]], list[tuple[str, str]]]:
    """The lines of a list with their numbers, and faults where it is no text or has no lines."""
    with collecting() as complaints:
        lines = read_lines(tree.root / path)
    return lines, [(complaint.kind, complaint.line) for complaint in complaints]
