"""Pictures and masks that are pictures or arrays, under any usual pair of names.

images/a.jpg    masks/a.png                 also imgs, JPEGImages ... with labels, annotations, SegmentationClass ...
train/images/   train/masks/   valid/...    a folder per split, above or below the two
train/a.png     trainannot/a.png
a.jpg           a_mask.png                  in one folder
a.jpg           a.png                       side by side

Where names say nothing, files of few values are masks (`data/layouts/by_content.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from atrous.data.annotations.masks import MaskFiles
from atrous.data.formats.matlab import named_matrix
from atrous.data.layouts.background import (
    OR_BACKGROUND,
    PROBABLY_BACKGROUND,
    background_notes,
    folder_reason,
    pattern_of,
    proposal_line,
)
from atrous.data.layouts.by_content import by_content
from atrous.data.layouts.choice import Choice, choices_of
from atrous.data.layouts.class_masks import Parts, class_contents
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.lists import told_splits
from atrous.data.layouts.looks import has_few_values, sample
from atrous.data.layouts.results import without_results
from atrous.data.layouts.rival_pictures import rival_pictures
from atrous.data.layouts.rivals import Decision, decide
from atrous.data.layouts.roles import Entry, by_folder, by_name, by_part_of_folder, entries, is_array, side_by_side
from atrous.data.layouts.tree import Tree, listed
from atrous.data.layouts.words import is_no_label
from atrous.data.pairs import Pair, check_stored_size
from atrous.data.schema import SCHEMA_FILE
from atrous.errors import InputError

Sorting = Callable[[Sequence[Entry]], tuple[list[Entry], list[Entry]]]
PICTURES_AND_MASKS, MASKS_BY_CONTENT = "pictures and masks", "masks by content"
"""Names of the two layouts."""
BY_NAMES: Sequence[Sorting] = (by_folder, by_name, side_by_side)


def mask_pictures(tree: Tree, *, sortings: Sequence[Sorting] = BY_NAMES) -> Contents | None:
    """Pair pictures with masks by the first way of sorting them that pairs all; None where nothing pairs."""
    found = entries(tree)
    choices: list[Choice] = []
    for sort in sortings:
        sorted_choices = choices_of(tree, *sort(found))
        choices += sorted_choices
        if any(choice.complete for choice in sorted_choices):
            choices = sorted_choices
            break
    if not choices:
        return None
    if all(map(_numbers_objects, choices)):  # such pictures have a word of their own, labels another one
        others = [choice for choice in choices_of(tree, *by_part_of_folder(found)) if choice.complete]
        choices = without_results(others) or choices
    decision = decide(tree, choices)
    contents = paired_contents(tree, decision)
    return replace(contents, faults=(*contents.faults, *_mistaken(tree, decision.choice)))


def masks_by_content(tree: Tree) -> Contents | None:
    """Pair pictures with files of few values and the same sizes, whatever their names; None where not all pair.

    Files of codecs with loss count as masks only where no others are there.
    """
    some = entries(tree)
    return _by_content(tree, some, lossy=False) or _by_content(tree, some, lossy=True)


def _by_content(tree: Tree, some: Sequence[Entry], *, lossy: bool) -> Contents | None:
    found = choices_of(tree, *by_content(tree, some, lossy=lossy))
    found = [choice for choice in found if _sizes_match(tree, choice)]
    choices = [choice for choice in found if choice.complete]
    if not choices:
        return None
    partial = [choice for choice in found if 1 < len(choice.masks) == len(choice.pairing.pairs) < len(choice.images)]
    contents = paired_contents(tree, decide(tree, choices, partial=partial))
    return replace(contents, layout=MASKS_BY_CONTENT, notes=("masks were found by their few values", *contents.notes))


def masks_by_part_of_folder(tree: Tree) -> Contents | None:
    """Pair pictures with masks by folders that say so among other words; None where a mask is left over.

    Such masks may be of other classes.
    """
    found = choices_of(tree, *by_part_of_folder(entries(tree)))
    choices = [choice for choice in found if len(choice.pairing.pairs) == len(choice.masks)]
    choices = [choice for choice in choices if _sizes_match(tree, choice)]
    return paired_contents(tree, decide(tree, choices)) if choices else None


def _numbers_objects(choice: Choice) -> bool:
    """Return True for pictures whose names say that they are no classes: numbers of objects, outlines, depth."""
    return is_no_label(choice.words) and not any(is_array(mask) for _, mask in choice.paired())


def paired_contents(tree: Tree, decision: Decision) -> Contents:
    """The splits that a decision makes, by folders or else by lists."""
    if decision.classes:
        return _contents_of_classes(tree, decision.classes)
    choice = decision.choice
    pairs, splits = _pairs(tree, decision)
    rule = _rule if any(splits.values()) else lambda _: "all pairs"
    parts, used, wrong = told_splits(tree, pairs, splits, read=MaskFiles(), rule=rule)
    unmasked, background = choice.unmasked, ""
    faults = [*_faults(tree, choice), *decision.faults, *rival_pictures(tree, choice), *wrong]
    if unmasked.good:
        others = [entry.path for entry in (*choice.images.values(), *choice.unlabelled) if entry.path not in pairs]
        background = pattern_of(unmasked.good, others)
        faults.append(
            (PROBABLY_BACKGROUND, proposal_line(tree, unmasked.good, background, reason=folder_reason(unmasked.good)))
        )
    where = f" ({choice.kind})" if choice.kind else ""
    masked = len(choice.pairing.pairs)
    notes = [f"{masked} pictures have masks{where}: {choice.pairing.rule}", *decision.notes]
    notes += [*background_notes(unmasked), *_note_on_matrices(tree, choice)]
    if choice.unlabelled:
        paths = [entry.path for entry in choice.unlabelled]
        notes.append(f"{len(paths)} pictures of folders without masks are not used ({listed(paths)})")
    return Contents(
        PICTURES_AND_MASKS, parts, used=used, notes=tuple(notes), faults=tuple(faults), background=background
    )


def _note_on_matrices(tree: Tree, choice: Choice) -> list[str]:
    """A line about the matrix that counts where MATLAB files hold several."""
    path = next((mask.path for _, mask in choice.paired() if mask.path.suffix.lower() == ".mat"), None)
    try:
        name, others = named_matrix(tree.root / path) if path else ("", ())
    except InputError:  # the file is named where masks are read
        return []
    return [f"{name} of MATLAB files counts; left out are {', '.join(others)}"] if name else []


def _contents_of_classes(tree: Tree, classes: Mapping[str, Choice]) -> Contents:
    """Pictures with a kind of masks for each class."""
    parts: Parts = {}
    images: dict[Path, Entry] = {}
    for name, choice in classes.items():
        images |= {image.path: image for image in (*choice.images.values(), *choice.unlabelled)}
        for image, mask in choice.paired():
            parts.setdefault(image.path, []).append((name, mask.path))
    missing = {path: [] for path in images if path not in parts}
    return class_contents(tree, {**parts, **missing}, [*images.values()], "a kind of masks for each class")


def _sizes_match(tree: Tree, choice: Choice) -> bool:
    """Return True unless a mask, of some that are looked at, has another size than its picture."""
    pairs = [Pair("", tree.root / image.path, tree.root / mask.path) for image, mask in choice.paired()]
    try:
        for pair in sample(pairs):
            check_stored_size(pair)
    except InputError:
        return False
    return True


def _mistaken(tree: Tree, choice: Choice) -> list[tuple[str, str]]:
    """A line where files that hold few values were taken for pictures without masks."""
    paths = [entry.path for entry in choice.unlabelled]
    masks = [path for path in sample(paths) if has_few_values(tree.root / path)]
    if not masks:
        return []
    line = f"{tree.root}: {listed(masks)} look like masks but pair with no picture ({choice.pairing.rule})"
    return [("no image", f"{line}; say under [layout] in {SCHEMA_FILE} which files are masks")]


def _pairs(tree: Tree, decision: Decision) -> tuple[dict[Path, Pair], dict[Path, str]]:
    """Pairs and their splits, by picture; samples are called by their key, with the split where keys repeat."""
    paired = decision.choice.paired()
    fields = {image.path: field.path for image, field in decision.fields.paired()} if decision.fields else {}
    paired += [(image, image) for image in decision.choice.background]
    keys = [image.key for image, _ in paired]
    unique = len(set(keys)) == len(keys)
    pairs, splits = {}, {}
    for image, mask in paired:
        split = image.split or mask.split
        name = image.key if unique else image.path.with_suffix("").as_posix()
        ignore = tree.root / fields[image.path] if image.path in fields else None
        pairs[image.path] = Pair(name, tree.root / image.path, tree.root / mask.path, ignore=ignore)
        splits[image.path] = split
    return pairs, splits


def _rule(split: str) -> str:
    """The rule that gave a split where folders state some; pictures of no split are trained on."""
    return f"folders of {split}" if split else "pictures in no folder of a split"


def _faults(tree: Tree, choice: Choice) -> list[tuple[str, str]]:
    pairs, root, rule = choice.pairing.pairs, tree.root, choice.pairing.rule
    taken = set(pairs.values())
    faults = [
        (
            "no mask",
            f"no mask for {entry.path} in {root}; {rule}: add it or move {entry.path} away{OR_BACKGROUND}",
        )
        for key, entry in choice.images.items()
        if key not in pairs
    ]
    affixes = choice.pairing.affixes
    if affixes is None or not affixes.length:
        faults += [
            ("no image", f"no image for {mask.path} in {root}; {rule}: add it or move {mask.path} away")
            for key, mask in choice.masks.items()
            if key not in taken
        ]
    return faults
