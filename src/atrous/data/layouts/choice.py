"""Ways to pair the pictures of a folder with one kind of its masks."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from atrous.data.layouts.background import Unmasked, sorted_unmasked
from atrous.data.layouts.kinds import kinds_of, one_camera
from atrous.data.layouts.looks import mask_values, sample
from atrous.data.layouts.matching_folders import of_matching_folders
from atrous.data.layouts.pairing import Pairing, pairings
from atrous.data.layouts.roles import Entry, is_array
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import is_second_choice

_RULES = 4


@dataclass(frozen=True)
class Choice:
    """One way to pair the files.

    Attributes:
        images: Every picture, by key.
        masks: Every mask of one kind, by key.
        pairing: The rule, and the keys that it pairs.
        kind: The kind of the masks.
        unlabelled: Pictures of folders in which none has a mask, and of a second camera; they are not among `images`.
        unmasked: Pictures without a mask that are background, or may be; they are not among `images`, either.
        background: Those of them that are background.
    """

    images: Mapping[str, Entry]
    masks: Mapping[str, Entry]
    pairing: Pairing
    kind: str
    unlabelled: tuple[Entry, ...] = ()
    unmasked: Unmasked = field(default_factory=Unmasked)
    background: tuple[Entry, ...] = ()

    @property
    def complete(self) -> bool:
        """True where every picture has a mask."""
        return len(self.pairing.pairs) == len(self.images)

    @property
    def second(self) -> bool:
        """True where the masks are drawings, single instances, arrays beside pictures, or of a second annotator."""
        masks = [mask for _, mask in self.paired()]
        return is_second_choice(self.words) or any(mask.second for mask in masks) or all(map(is_array, masks))

    @property
    def words(self) -> str:
        """Words of the folders and names of the masks, which tell their kind."""
        affixes = self.pairing.affixes
        return " ".join((self.kind, *(affixes.mask if affixes else ())))

    def paired(self) -> list[tuple[Entry, Entry]]:
        """Pictures with their masks, in the order of the pictures."""
        pairs = self.pairing.pairs
        return [(entry, self.masks[pairs[key]]) for key, entry in self.images.items() if key in pairs]


def choices_of(tree: Tree, images: Sequence[Entry], masks: Sequence[Entry]) -> list[Choice]:
    """Ways to pair the pictures with one kind of the masks each, the kinds of most masks first."""
    images, others = one_camera(images, masks)
    masks = of_matching_folders(images, _label_maps(tree, masks))
    by_kind = kinds_of(images, masks)
    found = []
    for kind, some in sorted(by_kind.items(), key=lambda item: (item[1][0].second, -len(item[1]))):
        split = any(entry.split for entry in images) and all(entry.split for entry in some)
        image_keys, mask_keys = _keys(images, split=split), _keys(some, split=split)
        rules = pairings([*image_keys], [*mask_keys])[:_RULES]
        found += [_labelled(tree, Choice(image_keys, mask_keys, pairing, kind, others)) for pairing in rules]
    return found


def _label_maps(tree: Tree, masks: Sequence[Entry]) -> Sequence[Entry]:
    """The masks without arrays of folders that hold no label maps, such as lists of tags, where other folders do."""
    by_folder: dict[Path, list[Path]] = defaultdict(list)
    for mask in masks:
        if is_array(mask):
            by_folder[mask.path.parent].append(mask.path)
    if len(by_folder) < 2:
        return masks
    others = {
        folder
        for folder, some in by_folder.items()
        if all(mask_values(tree.root / path) is None for path in sample(some))
    }
    return [mask for mask in masks if mask.path.parent not in others] if len(others) < len(by_folder) else masks


def _keys(some: Sequence[Entry], *, split: bool) -> dict[str, Entry]:
    """Entries by key, below their split where both sides have one; of equal keys the first."""
    found: dict[str, Entry] = {}
    for entry in some:
        key = f"{entry.split}/{entry.key}" if split else entry.key
        found[key if key not in found else entry.path.as_posix()] = entry
    return found


def _labelled(tree: Tree, choice: Choice) -> Choice:
    """The choice without pictures that have no mask, where every mask has its picture.

    Those are the pictures that are background or may be, and all of folders in which none has a mask.
    """
    pairs = choice.pairing.pairs
    if choice.complete or len(pairs) < len(choice.masks):
        return choice
    unmasked = sorted_unmasked(tree, [entry.path for key, entry in choice.images.items() if key not in pairs])
    known = {*unmasked.background, *unmasked.left_out, *unmasked.good}
    images = {key: entry for key, entry in choice.images.items() if entry.path not in known}
    background = tuple(entry for entry in choice.images.values() if entry.path in {*unmasked.background})
    choice = replace(choice, images=images, unmasked=unmasked, background=background)
    labelled = {entry.path.parent for key, entry in choice.images.items() if key in pairs}
    kept = {key: entry for key, entry in choice.images.items() if entry.path.parent in labelled}
    rest = tuple(entry for entry in choice.images.values() if entry.path.parent not in labelled)
    return replace(choice, images=kept, unlabelled=(*choice.unlabelled, *rest))
