"""Folders that are called like drawings of masks, but part pictures and masks alike.

test/bent test/color test/good        ground_truth/bent ground_truth/color        a defect of the colour, no drawing
"""

from collections import defaultdict
from collections.abc import Collection, Set
from pathlib import PurePath


def same_groups(
    drawings: Collection[PurePath], masks: Set[PurePath], unknown: Collection[PurePath]
) -> frozenset[PurePath]:
    """The folders called after drawings that are groups, since masks have them and pictures have them among others.

    Args:
        drawings: Folders whose names say drawing, outline, depth and the like.
        masks: Folders whose names say mask, and all below them.
        unknown: Folders whose names say nothing.
    """
    children: dict[PurePath, set[str]] = defaultdict(set)
    for folder in {*drawings, *unknown}:
        children[folder.parent].add(folder.name.lower())
    told = {folder.parent for folder in unknown}
    by_name: dict[str, list[PurePath]] = defaultdict(list)
    for folder in drawings:
        by_name[folder.name.lower()].append(folder)
    found: set[PurePath] = set()
    for some in by_name.values():
        of_masks = [folder for folder in some if folder.parent in masks]
        of_pictures = [folder for folder in some if folder.parent not in masks and folder.parent in told]
        for picture in of_pictures:
            alike = [mask for mask in of_masks if children[mask.parent] <= children[picture.parent]]
            found |= {picture, *alike} if alike else set()
    return frozenset(found)
