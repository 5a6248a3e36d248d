"""Pictures with several masks, each of one instance or one class.

ID/images/ID.png       ID/masks/1.png ID/masks/2.png ...      one instance each: foreground
ID/image.png           ID/masks/cat.png ID/masks/dog.png      one class each, where the names recur
images/a.jpg           masks/cat/a.png masks/dog/a.png        a folder for each class
images/a.jpg           masks/a_cat.png masks/a_dog.png        an ending for each class
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from atrous.data.annotations.class_masks import ClassMasks
from atrous.data.annotations.named_shapes import BACKGROUND
from atrous.data.layouts.background import (
    OR_BACKGROUND,
    PROBABLY_BACKGROUND,
    background_notes,
    folder_reason,
    pattern_of,
    proposal_line,
    sorted_unmasked,
)
from atrous.data.layouts.class_names import ClassList, find_classes
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.lists import told_splits
from atrous.data.layouts.looks import number_of_values
from atrous.data.layouts.pairing import pairings
from atrous.data.layouts.roles import Entry, by_folder, entries, is_array
from atrous.data.layouts.tree import Tree, folded
from atrous.data.layouts.words import MASK_WORDS, SPLITS, is_second_choice, stem_role, tokens
from atrous.data.pairs import Pair
from atrous.data.schema import Schema
from atrous.labels import LabelSpace

FOREGROUND = "foreground"
MOST_CLASSES = 50
"""More folders or endings than this are no classes."""
Parts = dict[Path, list[tuple[str, Path]]]
"""Picture -> its masks with their classes, below the root."""


def class_masks(tree: Tree) -> Contents | None:
    """Pictures with several masks each; None where there are none."""
    images, masks = by_folder(entries(tree))
    masks = [mask for mask in masks if not is_array(mask) and not mask.second]
    if not images or not masks:
        return None
    split_by_folder = all(entry.split for entry in (*images, *masks))
    parts = _instances(images, masks)
    what = "a mask for each instance"
    if parts is None:
        parts = _folders_of_classes(tree, images, masks, split=split_by_folder)
        what = "a folder of masks for each class"
    if parts is None:
        parts = _endings_of_classes(tree, images, masks, split=split_by_folder)
        what = "a mask for each class"
    return None if parts is None else class_contents(tree, parts, images, what)


def _instances(images: Sequence[Entry], masks: Sequence[Entry]) -> Parts | None:
    """Masks in one folder for each picture; None where no picture has several."""
    by_sample: dict[str, list[Entry]] = defaultdict(list)
    for image in images:
        by_sample[folded(image.key.rpartition("/")[0])].append(image)
    alone = {sample: some[0] for sample, some in by_sample.items() if sample and len(some) == 1}
    alone |= {folded(image.key): image for image in images}
    parts: Parts = {image.path: [] for image in images}
    for mask in masks:
        image = alone.get(folded(mask.key.rpartition("/")[0]))
        if image is None:
            return None
        parts[image.path].append(("", mask.path))
    if max(map(len, parts.values())) < 2:
        return None
    stems = Counter(name for some in parts.values() for name in {_instance(path) for _, path in some})
    labelled = sum(map(bool, parts.values()))
    recurring = {name for name, count in stems.items() if count >= 2 and 2 * count >= labelled and not stem_role(name)}
    worded = all(name and not re.search(r"\d", name) for name in recurring)
    everywhere = all(_instance(path) in recurring for some in parts.values() for _, path in some)
    named = worded and everywhere and len(recurring) > 1
    return {
        image: [(_instance(path) if named else FOREGROUND, path) for _, path in some] for image, some in parts.items()
    }


def _instance(path: Path) -> str:
    return re.sub(r"[ _-]*\d*$", "", path.stem)


def _folders_of_classes(tree: Tree, images: Sequence[Entry], masks: Sequence[Entry], *, split: bool) -> Parts | None:
    """Masks in a folder for each class, in each of which all masks pair with pictures.

    Where the pictures lie in the same folders (`charite/images` beside `charite/masks`), the folders part hospitals,
    patients or days, not classes, unless a list of classes names them.
    """
    groups: dict[str, list[Entry]] = defaultdict(list)
    for mask in masks:
        name, _, rest = mask.key.partition("/")
        if not rest or (MASK_WORDS | SPLITS.keys()) & {*tokens(name)}:
            return None
        groups[name].append(replace(mask, key=rest))
    parts = _parts_of(tree, images, groups, split=split)
    places = {image.path: _class_name(image.key.partition("/")[0]) for image in images}
    if parts is None or any(folded(name) != folded(places[image]) for image, some in parts.items() for name, _ in some):
        return parts
    classes = find_classes(tree)
    return parts if classes is not None and are_listed([*groups], classes) else None


def _endings_of_classes(tree: Tree, images: Sequence[Entry], masks: Sequence[Entry], *, split: bool) -> Parts | None:
    """Masks whose names are those of their pictures, and an ending for each class."""
    known = {folded(image.key) for image in images}
    groups: dict[str, list[Entry]] = defaultdict(list)
    for mask in masks:
        key = folded(mask.key)
        cut = max((cut for cut in range(1, len(key)) if key[:cut] in known and not key[cut].isalnum()), default=0)
        ending = mask.key[cut:].strip("_-. ") if cut else ""
        if not ending or re.search(r"\d", ending) or stem_role(ending) or is_second_choice(ending):
            return None
        groups[ending].append(replace(mask, key=mask.key[:cut]))
    return _parts_of(tree, images, groups, split=split)


def _parts_of(tree: Tree, images: Sequence[Entry], groups: Mapping[str, list[Entry]], *, split: bool) -> Parts | None:
    """The masks of every picture, where every mask of every class pairs and holds two values."""
    if not 2 <= len(groups) <= MOST_CLASSES or max(map(len, groups.values())) < 2:
        return None
    known = {_key(image, split=split): image for image in images}
    parts: Parts = {image.path: [] for image in images}
    for name, some in groups.items():
        ours = {_key(mask, split=split): mask for mask in some}
        pairing = next((one for one in pairings([*known], [*ours]) if len(one.pairs) == len(some)), None)
        if pairing is None or number_of_values(tree.root, [mask.path for mask in some]) > 2:
            return None
        for image, mask in pairing.pairs.items():
            parts[known[image].path].append((_class_name(name), ours[mask].path))
    return parts


def _class_name(folder: str) -> str:
    """The name of a folder without the number that orders it: `1. cat` is `cat`."""
    return re.sub(r"^\d+[. _-]+", "", folder)


def _key(entry: Entry, *, split: bool) -> str:
    return f"{entry.split}/{entry.key}" if split else entry.key


def class_contents(tree: Tree, parts: Parts, images: Sequence[Entry], what: str) -> Contents:
    """The contents of a folder of pictures with masks of one class each.

    Args:
        tree: The files.
        parts: The masks of every picture; none where it has none.
        images: The pictures.
        what: The layout, in words.
    """
    names = sorted({name for some in parts.values() for name, _ in some})
    reader = ClassMasks(
        {tree.root / image: tuple((name, tree.root / path) for name, path in some) for image, some in parts.items()}
    )
    unmasked = sorted_unmasked(tree, [image.path for image in images if not parts[image.path]])
    labelled = [image for image in images if parts[image.path] or image.path in {*unmasked.background}]
    keys = [image.key for image in labelled]
    unique = len(set(keys)) == len(keys)
    pairs: dict[Path, Pair] = {}
    for image in labelled:
        name = image.key if unique else image.path.with_suffix("").as_posix()
        first = next((path for _, path in parts[image.path]), image.path)
        pairs[image.path] = Pair(name, tree.root / image.path, tree.root / first)
    words = {image.path: image.split for image in labelled}
    splits, lists, faults = told_splits(tree, pairs, words, read=reader, rule=_rule)
    used = lists | {path for some in parts.values() for _, path in some}
    if (classes := find_classes(tree)) is not None and are_listed(names, classes):
        used |= {classes.path}
    masked = sum(pair.has_mask for pair in pairs.values())
    notes = [f"{masked} pictures have {what}: {', '.join(names)}", *background_notes(unmasked)]
    if unmasked.other:
        notes.append(f"{len(unmasked.other)} pictures without any mask are not used{OR_BACKGROUND}")
    background = ""
    if unmasked.good:
        background = pattern_of(unmasked.good, unmasked.other)
        line = proposal_line(tree, unmasked.good, background, reason=folder_reason(unmasked.good))
        faults = (*faults, (PROBABLY_BACKGROUND, line))
    return Contents(what, splits, schema_of(names), used=used, notes=tuple(notes), faults=faults, background=background)


def _rule(split: str) -> str:
    return f"folders of {split}" if split else "all pictures"


def schema_of(names: Sequence[str]) -> Schema:
    """The schema of background and some classes."""
    kept = [name for name in names if name != BACKGROUND]
    return Schema(LabelSpace((BACKGROUND, *kept), ignore=255 if len(kept) < 255 else 65535))


def are_listed(folders: Sequence[str], classes: ClassList) -> bool:
    """Return True if every folder ends with the name of a class that a list has: `MT_Crack` with `crack`."""
    names = tuple(_letters(name) for name in classes.names)
    return all(_letters(folder).endswith(names) for folder in folders)


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", folded(name))
