"""Folders that are called like drawings of masks, but part pictures and masks alike.

test/bent test/color test/good        ground_truth/bent ground_truth/color        a defect of the colour, no drawing
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from pathlib import PurePath

_Sets = Mapping[frozenset[str], list[PurePath]]


def same_groups(
    drawings: Collection[PurePath], masks: Set[PurePath], unknown: Collection[PurePath], *, holding: Set[PurePath]
) -> frozenset[PurePath]:
    """The folders called after drawings that are groups, since masks have them and pictures have them among others.

    Masks directly in the folder above are no group, and what is below them is a drawing: `labels/a.png` and
    `labels/color/a.png`.

    Args:
        drawings: Folders whose names say drawing, outline, depth and the like.
        masks: Folders whose names say mask, and all below them.
        unknown: Folders whose names say nothing.
        holding: Folders that hold files themselves.
    """
    children: dict[PurePath, set[str]] = defaultdict(set)
    for folder in {*drawings, *unknown}:
        children[folder.parent].add(folder.name.lower())
    beside = {parent: frozenset(names) for parent, names in children.items()}
    told = {folder.parent for folder in unknown}
    by_name: dict[str, list[PurePath]] = defaultdict(list)
    for folder in drawings:
        by_name[folder.name.lower()].append(folder)
    found: set[PurePath] = set()
    for some in by_name.values():
        of_masks = [folder for folder in some if folder.parent in masks and folder.parent not in holding]
        of_pictures = [folder for folder in some if folder.parent not in masks and folder.parent in told]
        found |= _within(_by_set(of_masks, beside), _by_set(of_pictures, beside))
    return frozenset(found)


def _by_set(folders: Iterable[PurePath], beside: Mapping[PurePath, frozenset[str]]) -> _Sets:
    """Folders by the names of all that lie beside them, which many share."""
    found: dict[frozenset[str], list[PurePath]] = defaultdict(list)
    for folder in folders:
        found[beside[folder.parent]].append(folder)
    return found


def _within(masks: _Sets, pictures: _Sets) -> set[PurePath]:
    """The folders of sets of masks that are a part of a set of pictures, and those of that set.

    A set of masks is compared only with the sets of pictures that have the name which fewest of them have.
    """
    having: dict[str, list[frozenset[str]]] = defaultdict(list)
    for names in pictures:
        for name in names:
            having[name].append(names)
    found: set[PurePath] = set()
    for names, folders in masks.items():
        candidates = min((having.get(name, []) for name in names), key=len)
        for larger in candidates:
            if names <= larger:
                found |= {*folders, *pictures[larger]}
    return found
