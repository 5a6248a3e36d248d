"""Kinds of masks for the same pictures, and of pictures for the same masks, distinguished by folders and words."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from atrous.data.layouts.background import is_good
from atrous.data.layouts.pairing import inserted_words
from atrous.data.layouts.roles import Entry
from atrous.data.layouts.tree import folded
from atrous.data.layouts.words import tokens

_VISIBLE = frozenset({"rgb", "color", "colour", "vis", "visible"})
"""Words of the folder of pictures in visible light, where other bands lie beside it."""
_COLOUR = frozenset({"color", "colour"})
"""Those of them that name a defect, too, beside which pictures of good products lie."""


def one_camera(images: Sequence[Entry], masks: Sequence[Entry]) -> tuple[Sequence[Entry], tuple[Entry, ...]]:
    """The pictures in visible light and those of other bands, where folders hold both under the same names.

    Args:
        images: All pictures.
        masks: All masks. Folders that have one of masks of their own name are no bands, nor are those of good products
            beside pictures of a defect of the colour; `normal` beside `rgb` holds the directions of surfaces.

    Returns:
        The pictures that count, and the others; none where the names of the folders do not decide.
    """
    by_folder: dict[Path, list[Entry]] = defaultdict(list)
    for image in images:
        by_folder[image.path.parent].append(image)
    masked = {folded(mask.path.parent.name) for mask in masks}
    visible = {folder for folder in by_folder if _VISIBLE & {*tokens(folder.name)}}
    names = {folder.parent: _stems(by_folder[folder]) for folder in by_folder if folder in visible}
    defects = {
        folder.parent for folder in visible if _COLOUR & {*tokens(folder.name)} and folded(folder.name) in masked
    }
    others = {
        folder
        for folder, some in by_folder.items()
        if folder not in visible
        and folded(folder.name) not in masked
        and not (folder.parent in defects and is_good(folder))
        and _stems(some) == names.get(folder.parent)
    }
    kept = [image for image in images if image.path.parent not in others]
    return kept, tuple(image for image in images if image.path.parent in others)


def _stems(images: Sequence[Entry]) -> set[str]:
    return {folded(image.path.stem) for image in images}


def kinds_of(images: Sequence[Entry], masks: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Masks by kind: by the words of their folders, then by folders of equal names, then by one word of their names.

    `v1.2/labels` and `v2.0/labels` are two kinds, and so are `um_lane_01` and `um_road_01` for the picture `um_01`.
    `c1/images_c1`, `c1/masks_c1` beside `c2/images_c2`, `c2/masks_c2` are one, since no picture has both.
    """
    by_kind: dict[str, list[Entry]] = defaultdict(list)
    if _are_in_own_groups(images, masks):
        by_kind[_common_words(masks)] = [*masks]
    else:
        for mask in masks:
            by_kind[mask.kind].append(mask)
    found = {name: some for kind, group in by_kind.items() for name, some in _by_folder(kind, group, images).items()}
    return found | _by_word(found, images)


def _are_in_own_groups(images: Sequence[Entry], masks: Sequence[Entry]) -> bool:
    """Return True if there are several kinds, each beside pictures of its own, in a folder called like the kind."""
    by_place: dict[Path, set[str]] = defaultdict(set)
    for mask in masks:
        by_place[mask.path.parent.parent].add(mask.kind)
    pictured = {image.path.parent.parent for image in images if image.path.parent.name}
    several = len({kind for kinds in by_place.values() for kind in kinds}) > 1
    if not several or any(len(kinds) > 1 for kinds in by_place.values()) or by_place.keys() != pictured:
        return False
    common = {*tokens(_common_words(masks))}
    return all({*tokens(kind)} - common <= {*tokens(place.name)} for place, kinds in by_place.items() for kind in kinds)


def _common_words(masks: Sequence[Entry]) -> str:
    """The words that all kinds share."""
    kinds = sorted({mask.kind for mask in masks})
    return " ".join(word for word in tokens(kinds[0]) if all(word in tokens(kind) for kind in kinds))


def _by_folder(kind: str, masks: list[Entry], images: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Masks of one kind, by folders that no picture has and that hold masks of the same names."""
    by_folder: dict[str, list[Entry]] = defaultdict(list)
    for mask in masks:
        by_folder[mask.key.rpartition("/")[0]].append(mask)
    known = {folded(image.key.rpartition("/")[0]) for image in images}
    names = {folder: _names(some) for folder, some in by_folder.items() if folded(folder) not in known}
    beside = [mask for folder, some in by_folder.items() if folded(folder) in known for mask in some]
    if len(by_folder) < 2 or not names:
        return {kind: masks}
    first = _names(beside) if beside else next(iter(names.values()))
    if any(not some <= first if beside else some != first for some in names.values()):
        return {kind: masks}
    return {**({kind: beside} if beside else {}), **{f"{folder} {kind}": by_folder[folder] for folder in names}}


def _names(masks: Sequence[Entry]) -> set[tuple[str, str]]:
    return {(mask.split, folded(mask.path.stem)) for mask in masks}


def _by_word(by_kind: Mapping[str, list[Entry]], images: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Masks of each kind whose names have one word more than those of their pictures, by the word."""
    found: dict[str, list[Entry]] = {}
    for kind, some in by_kind.items():
        keys = {mask.key: mask for mask in some}
        words = inserted_words([image.key for image in images], [*keys])
        if len(words) > 1:
            found |= {f"{kind} {word}": [keys[key] for key in inserted] for word, inserted in words.items()}
    return found
