"""Sorting files into pictures and masks by what they hold, for folders whose names say nothing."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from atrous.data.layouts.looks import are_masks, has_few_values
from atrous.data.layouts.roles import Entry, is_array
from atrous.data.layouts.tree import Tree, folded, shared
from atrous.data.layouts.words import is_second_choice, kind_words, meaning, tokens

_MOST_FILES = 2000
"""Files of one folder that are read one by one where its names do not part pictures from masks."""
_PLACES, _WORDS = 3, 6
"""Places in a folder at which two files are looked at before all are, and last words of names up to which each is."""


def by_content(tree: Tree, found: Sequence[Entry], *, lossy: bool = False) -> tuple[list[Entry], list[Entry]]:
    """Pictures and masks by their values: masks hold few.

    Files of one folder and suffix whose names end alike (`a`, `b`; `a_1stHO`, `b_1stHO`) are looked at together. The
    kind of a mask is the folder that holds no pictures and the end of its name.

    Args:
        tree: The files.
        found: Those that may be pictures or masks.
        lossy: Whether files of codecs with loss may be masks.
    """
    images: list[Entry] = []
    masks: list[tuple[str, Entry]] = []
    for tail, group in _groups(found):
        for part_tail, part in _parted(tree, tail, group, lossy=lossy):
            if is_array(part[0]) or are_masks(tree.root, [entry.path for entry in part], lossy=lossy):
                masks += [(part_tail, entry) for entry in part]
            else:
                images += part
    lead = min((shared(_folders(found[0]), _folders(entry)) for entry in found), default=0)
    places = {_folders(entry)[: lead + 1] for entry in images}
    single = len(places) == 1
    kept = [replace(entry, role="image", key=_below(entry, lead + single)) for entry in images]
    sorted_masks = []
    for tail, entry in masks:
        folders = _folders(entry)[: lead + 1]
        apart = len(folders) > lead and folders not in places
        own = [*(folders[lead:] if apart else ()), *([tail] if tail else [])]
        kind = "/".join(filter(None, (" ".join(kind_words(part)) for part in own)))
        second = any(map(is_second_choice, own))
        key = _below(entry, lead + (apart or single))
        sorted_masks.append(replace(entry, role="mask", kind=kind, key=key, second=second))
    return kept, sorted_masks


def _groups(found: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    """Files of one folder, suffix and end of the name."""
    by_folder: dict[Path, list[Entry]] = defaultdict(list)
    for entry in found:
        by_folder[entry.path.parent].append(entry)
    groups: dict[tuple[Path, str, str], list[Entry]] = defaultdict(list)
    for folder, some in by_folder.items():
        stems = {folded(entry.path.stem) for entry in some}
        for entry in some:
            tail = _tail(folded(entry.path.stem), stems)
            groups[folder, entry.path.suffix.lower(), tail].append(entry)
    return [(tail, group) for (_, _, tail), group in groups.items()]


def _tail(stem: str, stems: set[str]) -> str:
    """The text that follows the name of another file in the folder; empty where there is none."""
    for cut in range(1, len(stem)):
        before, after = stem[cut - 1], stem[cut]
        glued = (before.isdigit() and after.isdigit()) or (before.isalpha() and after.isalpha())
        if not glued and stem[:cut] in stems:
            return stem[cut:]
    return ""


def _parted(tree: Tree, tail: str, group: list[Entry], *, lossy: bool) -> list[tuple[str, list[Entry]]]:
    """The group, or its parts by the last word of the names or by content where it holds pictures and masks."""
    if is_array(group[0]) or len(group) > _MOST_FILES:
        return [(tail, group)]
    if lossy and not _seems_mixed(tree, group):  # photos take long to decode, and in this search they count as well
        return [(tail, group)]
    looks = [has_few_values(tree.root / entry.path, lossy=lossy) for entry in group]
    if all(looks) or not any(looks):
        return [(tail, group)]
    by_word: dict[str, list[bool]] = defaultdict(list)
    words = [_last_word(entry) for entry in group]
    for word, look in zip(words, looks, strict=True):
        by_word[word].append(look)
    if all(len(set(some)) == 1 for some in by_word.values()):
        parts = {word: [entry for entry, one in zip(group, words, strict=True) if one == word] for word in by_word}
        return list(parts.items())
    masks = [entry for entry, look in zip(group, looks, strict=True) if look]
    return [(tail, [entry for entry in group if entry not in masks]), (tail, masks)]


def _seems_mixed(tree: Tree, group: list[Entry]) -> bool:
    """Return True if some files look like pictures and some like masks.

    Pictures and masks may lie in turns or one after the other: neighbours in several places are looked at, and the
    first file of every last word of the names where these are few.
    """
    step = max(1, (len(group) - 2) // (_PLACES - 1))
    some = [entry for start in range(0, max(1, len(group) - 1), step) for entry in group[start : start + 2]]
    first = {_last_word(entry): entry for entry in reversed(group)}
    some += first.values() if len(first) <= _WORDS else ()
    looks = {has_few_values(tree.root / path, lossy=True) for path in {entry.path: None for entry in some}}
    return len(looks) > 1


def _last_word(entry: Entry) -> str:
    words = [word for word in tokens(entry.path.stem) if not word.isdecimal()]
    return words[-1].strip("0123456789") if words else ""


def _folders(entry: Entry) -> tuple[str, ...]:
    """The folders of a file without those that only name a split."""
    return tuple(part for part in entry.path.parent.parts if not (meaning(part).split and meaning(part).role == ""))


def _below(entry: Entry, depth: int) -> str:
    return "/".join([*_folders(entry)[depth:], entry.path.stem])
