"""Pairs of names that have the same words and numbers in the same order, whatever stands between them.

`austin1` and `austin_1_gt` have equal words and numbers, but for words that all names of a side begin or end with.
`tile_x1_y2` and `1_2`, or `video3_frame12` and `vid_03_000012`, have equal numbers, of which two or more vary; words
that say which number is which must not come in another order (`x1_y2` and `y2_x1`: which one is meant is a guess).
Both count only where they leave nothing over: a rule that fits some names may fit them by chance.
"""

import re
from collections.abc import Hashable, Mapping, Sequence

from atrous.data.layouts.tree import folded

_AXES = {"col": "x", "column": "x", "c": "x", "row": "y", "r": "y"}
"""Other words for the columns and rows of tiles."""
Words = tuple[str, ...]


def by_words_and_numbers(images: Sequence[str], masks: Sequence[str]) -> Mapping[str, str]:
    """Pairs of equal words and numbers; empty where a picture has no mask, or two names have the same."""
    ours, theirs = (_without_shared_ends([_parts(key) for key in keys]) for keys in (images, masks))
    return _joined(images, masks, ours, theirs)


def by_all_numbers(images: Sequence[str], masks: Sequence[str]) -> Mapping[str, str]:
    """Pairs of equal numbers in order; empty where one is left over, or fewer than two numbers vary."""
    if len(images) != len(masks):
        return {}
    ours, theirs = (_varying_numbers([_parts(key) for key in keys]) for keys in (images, masks))
    if ours is None or theirs is None or len(ours[0]) != len(theirs[0]) or _contradict(ours[0], theirs[0]):
        return {}
    return _joined(images, masks, ours[1], theirs[1])


def _parts(key: str) -> Words:
    """The runs of letters and of digits in the last part of a key, numbers without zeros before them."""
    found = re.findall(r"[^\W\d_]+|\d+", folded(key.rpartition("/")[2]))
    return tuple(part.lstrip("0") or "0" if part.isdecimal() else part for part in found)


def _without_shared_ends(names: Sequence[Words]) -> list[Words]:
    """The names without the words that all of them begin with, and those that all end with."""
    shortest = min(map(len, names), default=0)
    lead = tail = 0
    while lead < shortest - 1 and _is_shared_word(names, lead):
        lead += 1
    while tail < shortest - lead - 1 and _is_shared_word(names, -1 - tail):
        tail += 1
    return [name[lead : len(name) - tail] for name in names]


def _is_shared_word(names: Sequence[Words], place: int) -> bool:
    word = names[0][place]
    return not word.isdecimal() and all(name[place] == word for name in names)


def _varying_numbers(names: Sequence[Words]) -> tuple[list[str], list[Words]] | None:
    """The word before each number that varies, and these numbers of every name; None where fewer than two vary."""
    places = [[place for place, part in enumerate(name) if part.isdecimal()] for name in names]
    if len({len(some) for some in places}) != 1:
        return None
    numbers = [tuple(name[place] for place in some) for name, some in zip(names, places, strict=True)]
    varying = [at for at, column in enumerate(zip(*numbers, strict=True)) if len(set(column)) > 1]
    if len(varying) < 2:
        return None
    labels = [_shared_label(names, [some[at] for some in places]) for at in varying]
    return labels, [tuple(found[at] for at in varying) for found in numbers]


def _shared_label(names: Sequence[Words], places: Sequence[int]) -> str:
    """The word that stands before a number in all names; empty where they differ, or none does."""
    words = {name[place - 1] if place else "" for name, place in zip(names, places, strict=True)}
    word = words.pop() if len(words) == 1 else ""
    return "" if word.isdecimal() else _AXES.get(word, word)


def _contradict(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Return True if a word, or its beginning, stands before one number on one side and before another on the other."""
    agree = [[_mean_the_same(one, other) for other in theirs] for one in ours]
    return any(
        agree[at][place] and not agree[at][at] and not agree[place][place]
        for at in range(len(ours))
        for place in range(len(theirs))
    )


def _mean_the_same(one: str, other: str) -> bool:
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def _joined(
    images: Sequence[str], masks: Sequence[str], ours: Sequence[Words], theirs: Sequence[Words]
) -> dict[str, str]:
    """Pairs of equal parts in the same folder, or else in any; empty where not every picture has exactly one mask."""
    for in_folder in (True, False):
        left, right = (_unique(keys, parts, in_folder=in_folder) for keys, parts in ((images, ours), (masks, theirs)))
        if left and left.keys() <= right.keys():
            return {left[value]: right[value] for value in left}
    return {}


def _unique(keys: Sequence[str], parts: Sequence[Words], *, in_folder: bool) -> dict[Hashable, str]:
    """Folder and parts -> key; empty where two keys have the same."""
    found: dict[Hashable, str] = {
        (folded(key.rpartition("/")[0]) if in_folder else "", some): key for key, some in zip(keys, parts, strict=True)
    }
    return found if len(found) == len(keys) else {}
