"""Sorting the files of a folder into pictures and masks, by the names of their folders and by their own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.layouts.tree import Tree, folded, shared
from atrous.data.layouts.words import (
    IMAGE_WORDS,
    MASK_WORDS,
    Word,
    folder_words,
    is_second_choice,
    kind_words,
    short_words,
    stem_role,
    tokens,
    told_split,
)

ARRAY_SUFFIXES = frozenset({".mat", ".npy", ".npz"})
_VAGUE = frozenset({"x", "y", "raw", "source", "src", "machine", "target", "manual"})
"""Words of pictures or masks that mean other things among other words, as in `machine 2`."""
_PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".jfif", ".webp", ".avif"})


@dataclass(frozen=True)
class Entry:
    """A picture or mask, and what its place says.

    Attributes:
        path: Below the root.
        role: `image`, `mask`, or empty.
        split: The split that one of its folders names; empty where none does.
        kind: The words for masks in the names of its folders; masks of one kind share it.
        key: The other folders and the name without suffix.
        second: True for by-products of masks, such as drawings of them.
    """

    path: Path
    role: str
    split: str
    kind: str
    key: str
    second: bool = False


def entries(tree: Tree) -> list[Entry]:
    """Every file that may be a picture or a mask."""
    suffixes = IMAGE_SUFFIXES | ARRAY_SUFFIXES
    found = [path for path in tree.files if path.suffix.lower() in suffixes]
    short = short_words(found)
    words = folder_words(found, short)
    # A folder that holds all files tells no picture from a mask.
    lead = min((shared(found[0].parent.parts, path.parent.parts) for path in found), default=0)
    return [_entry(path, [words[folder] for folder in (*path.parents,)[-2::-1]], short, lead=lead) for path in found]


def by_folder(found: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Pictures and masks by the names of their folders; no masks where no folder is called after them."""
    masks = [entry for entry in found if entry.role == "mask"]
    named = [entry for entry in found if entry.role == "image" and not is_array(entry)]
    others = [entry for entry in found if not entry.role and not is_array(entry)]
    drawings = [entry for entry in others if stem_role(entry.path.stem) == "mask" and is_second_choice(entry.path.stem)]
    return named or [entry for entry in others if entry not in drawings] or others, masks


def by_name(found: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Pictures and masks by a word at the end or beginning of their names."""
    roles = [(entry, stem_role(entry.path.stem)) for entry in found]
    masks = [replace(entry, second=is_second_choice(entry.path.stem)) for entry, role in roles if role == "mask"]
    named = [entry for entry, role in roles if role == "image" and not is_array(entry)]
    others = [entry for entry, role in roles if not role and not is_array(entry)]
    return (named if named and len(named) >= len(others) else named + others), masks


def side_by_side(found: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Photos and files of the same name that lossless suffixes make their masks: `a.jpg` and `a.png`."""
    same: dict[str, list[Entry]] = defaultdict(list)
    for entry in found:
        same[folded(entry.path.with_suffix("").as_posix())].append(entry)
    images, masks = [], []
    for group in same.values():
        photos = [entry for entry in group if entry.path.suffix.lower() in _PHOTO_SUFFIXES]
        others = [entry for entry in group if entry not in photos]
        if not photos and len(others) == 2:  # a picture in any format, and an array
            photos = [entry for entry in others if not is_array(entry)][:1]
            others = [entry for entry in others if is_array(entry)]
        if len(photos) == 1 and len(others) == 1:
            images.append(photos[0])
            masks.append(others[0])
    return images, masks


def by_part_of_folder(found: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """As `by_folder`, where folders have other words, too: `tissue images`, `gts_for_participants`."""
    lead = min((shared(found[0].path.parent.parts, entry.path.parent.parts) for entry in found), default=0)
    return by_folder([entry if entry.role else _with_role_among_words(entry, lead=lead) for entry in found])


def _with_role_among_words(entry: Entry, *, lead: int) -> Entry:
    """The entry with the role that one word of a folder says; as it is where none does, or words differ."""
    told = [(part, _role_among_words(part)) for part in entry.path.parent.parts[lead:]]
    roles = {role for _, role in told if role}
    if len(roles) != 1:
        return entry
    telling = [part for part, role in told if role]
    folders = [part for part in entry.key.split("/")[:-1] if part not in telling]
    key = "/".join([*folders, entry.path.stem])
    role = roles.pop()
    kind = "/".join(" ".join(kind_words(part)) for part in telling) if role == "mask" else ""
    return replace(entry, role=role, kind=kind, key=key, second=any(map(is_second_choice, telling)))


def _role_among_words(name: str) -> str:
    """The role that words of a folder's name say, whatever else it says; empty where they say none or both."""
    words = {*tokens(name)} - _VAGUE
    roles = [role for role, known in (("mask", MASK_WORDS), ("image", IMAGE_WORDS)) if words & known]
    return roles[0] if len(roles) == 1 else ""


def _entry(path: Path, words: Sequence[Word], short: Mapping[str, str], *, lead: int) -> Entry:
    parts = [*zip(path.parent.parts, words, strict=True)]
    telling = parts[lead:]
    masks = [word for _, word in telling if word.role == "mask"]
    role = "mask" if masks else "image" if any(word.role == "image" for _, word in telling) else ""
    kinds = (kind_words(short.get(part, part)) for part, word in telling if word.role == "mask")
    kind = "/".join(map(" ".join, kinds))
    key = "/".join([*(part for part, word in parts if not word.whole), path.stem])
    return Entry(path, role, told_split(words), kind, key, second=any(word.second for word in masks))


def is_array(entry: Entry) -> bool:
    """Return True if an entry is no picture but an array or matrix."""
    return entry.path.suffix.lower() in ARRAY_SUFFIXES
