"""Folders of pictures and folders of masks that belong together two by two, by a common part of their names.

slide_01/1.png    gt_01/1.png           roads/7.jpg       roads_gt/7.png
slide_02/1.png    gt_02/1.png           bridges/7.jpg     bridges_gt/7.png

The masks are of one kind, although the names of their folders differ: no picture has two of them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from atrous.data.layouts.pairing import pairings
from atrous.data.layouts.roles import Entry
from atrous.data.layouts.words import tokens


def of_matching_folders(images: Sequence[Entry], masks: Sequence[Entry]) -> Sequence[Entry]:
    """The masks with the keys of the folders of their pictures and of one kind; as they are where folders do not match.

    Folders match where one rule pairs all their names, several kinds of masks are there, each in one folder, and every
    mask of a folder pairs with a picture of the other.
    """
    pictures, labels = _by_folder(images), _by_folder(masks)
    kinds = {mask.kind for mask in masks}
    if not 1 < len(kinds) == len(labels) == len(pictures) or pictures.keys() & labels.keys():
        return masks
    ours = {folder.as_posix(): folder for folder in pictures}
    theirs = {folder.as_posix(): folder for folder in labels}
    for rule in pairings([*ours], [*theirs]):
        pairs = [(ours[one], theirs[other]) for one, other in rule.pairs.items()]
        if len(pairs) == len(ours) and all(_pair(pictures[one], labels[other]) for one, other in pairs):
            kind = " ".join(word for word in tokens(masks[0].kind) if all(word in tokens(kind) for kind in kinds))
            return [
                replace(mask, key=_moved(mask, pictures[one][0]), kind=kind)
                for one, other in pairs
                for mask in labels[other]
            ]
    return masks


def _by_folder(entries: Sequence[Entry]) -> dict[Path, list[Entry]]:
    found: dict[Path, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.path.parent].append(entry)
    return found


def _pair(images: Sequence[Entry], masks: Sequence[Entry]) -> bool:
    """Return True if every mask of a folder has a picture in the other."""
    found = pairings([image.path.stem for image in images], [mask.path.stem for mask in masks])
    return any(len(pairing.pairs) == len(masks) for pairing in found)


def _moved(mask: Entry, image: Entry) -> str:
    """The key that a mask would have in the folder of a picture."""
    folder, _, _ = image.key.rpartition("/")
    return f"{folder}/{mask.path.stem}".removeprefix("/")
