"""Sorting the files of a folder into pictures and masks, by the names of their folders and by their own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.layouts.tree import Tree, folded, shared
from atrous.data.layouts.words import (
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
    beside = _pictured_beside(words)
    return [_entry(path, words, short, beside, lead=lead) for path in found]


def _pictured_beside(words: Mapping[PurePath, Word]) -> Mapping[PurePath, str]:
    """Folders of masks that are called like a folder beside them and one word more, with that folder's name.

    `cats/cats GT` lies beside `cats/cats`, whose files it has the masks of.
    """
    plain = {(folder.parent, tokens(folder.name)): folder.name for folder, word in words.items() if not word.role}
    return {
        folder: plain[folder.parent, rest]
        for folder, word in words.items()
        if word.role == "mask"
        and not word.whole
        and (folder.parent, rest := tuple(one for one in tokens(folder.name) if one not in MASK_WORDS)) in plain
    }


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


def _entry(
    path: Path,
    words: Mapping[PurePath, Word],
    short: Mapping[str, str],
    beside: Mapping[PurePath, str],
    *,
    lead: int,
) -> Entry:
    folders = (*path.parents,)[-2::-1]
    telling = folders[lead:]
    masks = [folder for folder in telling if words[folder].role == "mask"]
    role = "mask" if masks else "image" if any(words[folder].role == "image" for folder in telling) else ""
    kind = "/".join(
        " ".join(
            word
            for word in kind_words(short.get(folder.name, folder.name))
            if word not in tokens(beside.get(folder, ""))
        )
        for folder in masks
    )
    parts = [beside.get(folder, folder.name) for folder in folders if not words[folder].whole]
    second = any(words[folder].second for folder in masks)
    split = told_split([words[folder] for folder in folders])
    return Entry(path, role, split, kind, "/".join([*parts, path.stem]), second=second)


def is_array(entry: Entry) -> bool:
    """Return True if an entry is no picture but an array or matrix."""
    return entry.path.suffix.lower() in ARRAY_SUFFIXES
