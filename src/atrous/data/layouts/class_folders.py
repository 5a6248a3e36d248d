"""Pairs in folders that are called after classes, and further masks beside a picture's first one.

cat/1.jpg cat/1.png            dog/1.jpg dog/1.png            a class in each folder, where masks hold 0 and one value
cat/1.jpg cat/1_mask.png       cat/1_mask_1.png               a further mask of the same class
charite/images charite/masks   mayo/images mayo/masks         no classes: folders of pictures and folders of masks
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from atrous.data.annotations.class_masks import ClassMasks
from atrous.data.annotations.named_shapes import BACKGROUND
from atrous.data.layouts.class_masks import FOREGROUND, MOST_CLASSES, are_listed, schema_of
from atrous.data.layouts.class_names import ClassList
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.looks import value_set
from atrous.data.layouts.tree import Tree, folded
from atrous.data.layouts.words import IMAGE_WORDS, MASK_WORDS, meaning, tokens
from atrous.data.pairs import Pair
from atrous.data.schema import SCHEMA_FILE

_Groups = Mapping[str, Sequence[Pair]]


def with_class_masks(tree: Tree, contents: Contents) -> Contents:
    """The contents, read as masks of one class each where folders or further masks say so.

    Folders of pictures name the classes where each holds pictures and masks of 0 and one value, and no list of classes
    says otherwise. Masks `a_mask_1`, `a_mask_2` beside `a_mask` are further instances of the same class.
    """
    pairs = contents.pairs
    further = _further_masks(tree, pairs)
    groups = _groups_by_folder(tree, pairs)
    if contents.schema is not None or not (further or groups):
        return contents
    if any(pair.ignore is not None or pair.mask.is_dir() for pair in pairs):
        return contents
    # Folders of pictures apart from folders of masks group by city or patient, not by class.
    together = all(pair.image.parent == pair.mask.parent for pair in pairs)
    listed = contents.classes is not None and are_listed([*groups], contents.classes)
    named = groups if together or listed else {}
    values = _values(groups or {FOREGROUND: pairs}, further)
    if not all(found and _are_black_and_white(found) for found in values.values()):
        return contents
    names = [name for name in named if values[name] != {0}]
    notes, grouping = [*contents.notes], ()
    if groups and not named:
        grouping = (_grouping_line([*groups]),)
    if named and contents.classes is not None and not are_listed(names, contents.classes):
        notes.append(f"folders ({', '.join(names)}) are no classes: {contents.classes.path} lists others")
        named = {}
    if not named and not further:
        return replace(contents, notes=tuple(notes), warnings=(*contents.warnings, *grouping))
    if further:
        notes.append(f"{len(further)} pictures have further masks, which are joined")
    warnings = (*contents.warnings, *grouping)
    if named:
        notes += [f"masks in {name} hold only 0, so it is no class" for name in named if name not in names]
        line = f"masks hold 0 and one value: classes are called after their folders ({', '.join(names)})"
        if len(names) > 1 and not listed and not (tree.root / SCHEMA_FILE).exists():
            warnings = (*warnings, f"{line}; {_one_class()}")
        else:
            notes.append(line)
    else:
        named = {_only_class(contents.classes): pairs}
        names = [*named]
    reader = ClassMasks(
        {
            pair.image: tuple((name, path) for path in (pair.mask, *further.get(pair.mask, ())))
            if name in names
            else ()
            for name, some in named.items()
            for pair in some
        }
    )
    splits = {split: replace(part, read=reader) for split, part in contents.splits.items()}
    used = contents.used | {path.relative_to(tree.root) for some in further.values() for path in some}
    return replace(contents, splits=splits, schema=schema_of(names), used=used, notes=tuple(notes), warnings=warnings)


def _one_class() -> str:
    return (
        "if they part patients, places or days instead, make all masks one class: write "
        f'classes = ["{BACKGROUND}", "{FOREGROUND}"] in {SCHEMA_FILE}'
    )


def _grouping_line(groups: Sequence[str]) -> str:
    """The line about folders that hold a folder of pictures and one of masks each, and what makes them classes."""
    return (
        f"folders ({', '.join(groups)}) part the pictures as their masks, so they are no classes but all masks one; "
        "if they are classes, list them in classes.txt, one in a line"
    )


def _values(groups: _Groups, further: Mapping[Path, Sequence[Path]]) -> dict[str, set[int]]:
    """The values of the masks of each group."""
    return {
        name: value_set([mask for pair in some for mask in (pair.mask, *further.get(pair.mask, ()))])
        for name, some in groups.items()
    }


def _further_masks(tree: Tree, pairs: Sequence[Pair]) -> dict[Path, list[Path]]:
    """Mask -> those beside it whose names have a number more."""
    masks = {folded(pair.mask.with_suffix("").as_posix()): pair.mask for pair in pairs}
    taken = {path for pair in pairs for path in (pair.image, pair.mask)}
    found: dict[Path, list[Path]] = defaultdict(list)
    for path in tree.pictures:
        stem = re.sub(r"[ _-]\(?\d+\)?$", "", path.stem)
        mask = masks.get(folded((tree.root / path).with_name(stem).as_posix())) if stem != path.stem else None
        if mask is not None and mask.suffix.lower() == path.suffix.lower() and tree.root / path not in taken:
            found[mask].append(tree.root / path)
    return dict(found)


def _groups_by_folder(tree: Tree, pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Pairs by the folder that may name their class; empty where it has no such name, or masks lie below another."""
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        name = _class_folder(pair.image.relative_to(tree.root))
        if folded(_class_folder(pair.mask.relative_to(tree.root))) != folded(name):
            return {}
        groups[name].append(pair)
    return dict(groups) if _are_class_folders(groups) else {}


def _class_folder(path: Path) -> str:
    """The last folder of a path that tells neither a split nor pictures nor masks, without words that tell these.

    It is `cats` for `cats`, for `cats_images` and for `cats GT`.
    """
    name = next((part for part in reversed(path.parent.parts) if not meaning(part).whole), "")
    rest = [word for word in tokens(name) if word not in MASK_WORDS | IMAGE_WORDS]
    return " ".join(rest) if rest and len(rest) < len(tokens(name)) else name


def _are_class_folders(groups: _Groups) -> bool:
    """Return True if folders have the names of classes: no numbers, and several pictures in each."""
    worded = all(name and not re.search(r"\d", name) for name in groups)
    return worded and 2 <= len(groups) <= MOST_CLASSES and min(map(len, groups.values())) >= 2


def _are_black_and_white(values: set[int]) -> bool:
    return len(values) <= 2 and (0 in values or values == {255})


def _only_class(classes: ClassList | None) -> str:
    """The name of the one class that a list has beside the background; `foreground` without such a list."""
    names = [name for name in classes.names if name != BACKGROUND] if classes else []
    return names[0] if len(names) == 1 else FOREGROUND
