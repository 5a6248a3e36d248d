"""Pictures and masks that are pictures or arrays, under any usual pair of names.

images/a.jpg    masks/a.png                 also imgs, JPEGImages ... with labels, annotations, SegmentationClass ...
train/images/   train/masks/   valid/...    a folder per split, above or below the two
train/a.png     trainannot/a.png
a.jpg           a_mask.png                  in one folder
a.jpg           a.png                       side by side
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from atrous.data.annotations.masks import MaskFiles
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.lists import listed_splits, ordered
from atrous.data.layouts.pairing import Pairing, pairings
from atrous.data.layouts.roles import Entry, by_folder, by_name, entries, is_array, side_by_side
from atrous.data.layouts.tree import Tree, listed
from atrous.data.layouts.words import is_second_choice
from atrous.data.pairs import Pair
from atrous.data.splits import Part, Splits

Sorting = Callable[[Sequence[Entry]], tuple[list[Entry], list[Entry]]]
BY_NAMES: Sequence[Sorting] = (by_folder, by_name, side_by_side)
_RULES = 4


@dataclass(frozen=True)
class Choice:
    """One way to pair the files.

    Attributes:
        images: Every picture, by key.
        masks: Every mask of one kind, by key.
        pairing: The rule, and the keys that it pairs.
        kind: The kind of the masks.
    """

    images: Mapping[str, Entry]
    masks: Mapping[str, Entry]
    pairing: Pairing
    kind: str

    @property
    def complete(self) -> bool:
        """True where every picture has a mask."""
        return len(self.pairing.pairs) == len(self.images)

    @property
    def second(self) -> bool:
        """True where the masks are drawings, single instances, arrays beside pictures, or of a second annotator."""
        affixes, masks = self.pairing.affixes, self.masks.values()
        by_name = affixes is not None and any(map(is_second_choice, affixes.mask))
        return by_name or any(mask.second for mask in masks) or all(map(is_array, masks))

    def paired(self) -> list[tuple[Entry, Entry]]:
        """Pictures with their masks, in the order of the pictures."""
        pairs = self.pairing.pairs
        return [(entry, self.masks[pairs[key]]) for key, entry in self.images.items() if key in pairs]


def mask_pictures(tree: Tree, *, sortings: Sequence[Sorting] = BY_NAMES) -> Contents | None:
    """Pair pictures with masks by the first way of sorting them that pairs all; None where nothing pairs."""
    found = entries(tree)
    choices: list[Choice] = []
    for sort in sortings:
        sorted_choices = _choices(*sort(found))
        choices += sorted_choices
        if any(choice.complete for choice in sorted_choices):
            choices = sorted_choices
            break
    if not choices:
        return None
    best = max(choices, key=lambda choice: (choice.complete, not choice.second, len(choice.pairing.pairs)))
    return contents_of(tree, best, rivals=[choice for choice in choices if _are_rivals(choice, best)])


def contents_of(tree: Tree, choice: Choice, *, rivals: Sequence[Choice] = ()) -> Contents:
    """The splits that a choice makes, by folders or else by lists."""
    pairs, splits = _pairs(tree, choice)
    parts: Splits = {
        split: Part(tuple(pair for path, pair in pairs.items() if splits[path] == split), MaskFiles(), rule)
        for split, rule in _rules(splits).items()
    }
    used: frozenset[Path] = frozenset()
    faults = [*_faults(tree, choice), *(_rival_fault(tree, choice, rival) for rival in rivals[:1])]
    if not any(splits.values()):
        by_list, used, wrong = listed_splits(tree, pairs, read=MaskFiles())
        parts, faults = by_list or parts, [*faults, *wrong]
    where = f" ({choice.kind})" if choice.kind else ""
    notes = [f"{len(pairs)} pictures have masks{where}: {choice.pairing.rule}"]
    return Contents("pictures and masks", ordered(parts), used=used, notes=tuple(notes), faults=tuple(faults))


def _choices(images: Sequence[Entry], masks: Sequence[Entry]) -> list[Choice]:
    """Ways to pair the pictures with one kind of the masks each, the kinds of most masks first."""
    by_kind: dict[str, list[Entry]] = defaultdict(list)
    for mask in masks:
        by_kind[mask.kind].append(mask)
    found = []
    for kind, some in sorted(by_kind.items(), key=lambda item: (item[1][0].second, -len(item[1]))):
        split = any(entry.split for entry in images) and all(entry.split for entry in some)
        image_keys, mask_keys = _keys(images, split=split), _keys(some, split=split)
        rules = pairings([*image_keys], [*mask_keys])[:_RULES]
        found += [Choice(image_keys, mask_keys, pairing, kind) for pairing in rules]
    return found


def _keys(some: Sequence[Entry], *, split: bool) -> dict[str, Entry]:
    """Entries by key, below their split where both sides have one; of equal keys the first."""
    found: dict[str, Entry] = {}
    for entry in some:
        key = f"{entry.split}/{entry.key}" if split else entry.key
        found[key if key not in found else entry.path.as_posix()] = entry
    return found


def _are_rivals(choice: Choice, best: Choice) -> bool:
    """Return True if another choice is as good and takes other masks for the same pictures."""
    if choice is best or choice.complete != best.complete or choice.second != best.second or not best.complete:
        return False
    ours, theirs = ({mask.path for _, mask in one.paired()} for one in (best, choice))
    return not ours & theirs


def _pairs(tree: Tree, choice: Choice) -> tuple[dict[Path, Pair], dict[Path, str]]:
    """Pairs and their splits, by picture; samples are called by their key, with the split where keys repeat."""
    paired = choice.paired()
    keys = [image.key for image, _ in paired]
    unique = len(set(keys)) == len(keys)
    pairs, splits = {}, {}
    for image, mask in paired:
        split = image.split or mask.split
        name = image.key if unique else image.path.with_suffix("").as_posix()
        pairs[image.path] = Pair(name, tree.root / image.path, tree.root / mask.path)
        splits[image.path] = split
    return pairs, splits


def _rules(splits: Mapping[Path, str]) -> dict[str, str]:
    """Splits and how each came about; pictures of no split are trained on."""
    found = dict.fromkeys(splits.values())
    if not any(found):
        return {"": "all pairs"}
    return {split: f"folders of {split}" if split else "pictures in no folder of a split" for split in found}


def _faults(tree: Tree, choice: Choice) -> list[tuple[str, str]]:
    pairs, root = choice.pairing.pairs, tree.root
    taken = set(pairs.values())
    faults = [
        ("no mask", f"no mask for {entry.path} in {root}; {choice.pairing.rule}: add it or move {entry.path} away")
        for key, entry in choice.images.items()
        if key not in pairs
    ]
    affixes = choice.pairing.affixes
    if affixes is None or not affixes.length:
        faults += [
            ("no image", f"no image for {mask.path} in {root}; {choice.pairing.rule}: add it or move {mask.path} away")
            for key, mask in choice.masks.items()
            if key not in taken
        ]
    return faults


def _rival_fault(tree: Tree, best: Choice, rival: Choice) -> tuple[str, str]:
    ours, theirs = best.paired()[0], rival.paired()[0]
    return (
        "two kinds of masks",
        f"{tree.root} has two masks for every picture, such as {listed([ours[1].path, theirs[1].path])} for "
        f"{ours[0].path}; move those that you do not want away, or name the others under [layout] in schema.toml",
    )
