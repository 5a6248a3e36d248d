"""Pairing pictures with masks: a search for one rule that holds for all files.

A key is a path below the folders whose names only say picture, mask or split, without suffix: `sub 0/a_mask`. Rules are
tried from the plainest on: equal keys; keys equal but for letter case and Unicode form; keys that differ by one prefix
or suffix on either side (`a` and `a_mask`, `gt_a`, `a_image` and `a_label`, `a` and `a.jpg`); the folder alone, where
each holds one picture and one mask; the last part of the key alone, also with prefixes and suffixes, or without what
Label Studio put before the mask's; names equal but for one word of the mask (`um_01` and `um_road_01`); one
number of the name (`21_training` and `21_manual1`, `scan1` and `truth_0001`), where it pairs every picture or every
mask. Where none of these pairs all pictures: the same words and numbers, or all numbers (`data/layouts/name_parts.py`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from atrous.data.layouts.name_parts import by_all_numbers, by_words_and_numbers
from atrous.data.layouts.tree import folded, names_before_upload

_TRIED = 40
"""Pictures on which prefixes and suffixes are looked for."""
_RULES = 12
"""Most frequent pairs of prefixes and suffixes that are tried on all files."""


@dataclass(frozen=True)
class Affixes:
    """Text before and after the common part of the last part of a key."""

    image: tuple[str, str] = ("", "")
    mask: tuple[str, str] = ("", "")

    @property
    def length(self) -> int:
        """Characters in all four."""
        return sum(map(len, (*self.image, *self.mask)))


@dataclass(frozen=True)
class Pairing:
    """Pictures and masks that belong together.

    Attributes:
        pairs: Key of a picture -> key of its mask.
        rule: The rule, in words.
        affixes: Prefixes and suffixes that the rule takes off; None where it takes the folder or base name.
    """

    pairs: Mapping[str, str]
    rule: str
    affixes: Affixes | None


def pairings(images: Sequence[str], masks: Sequence[str]) -> list[Pairing]:
    """Every rule that pairs anything, the one that pairs most pictures first, among equals the plainest.

    Of rules that make the same pairs only the plainest is there, so that other pairs have a place among the first.
    """
    bare_images, bare_masks = _without_folders(images), _without_folders(masks)
    found = [
        _by(images, masks, _same, "files pair by name without suffix"),
        _by(images, masks, folded, "files pair by name without suffix, letter case and Unicode form apart"),
        *(_by_affixes(images, masks, affixes) for affixes in _likely_affixes(images, masks)),
        _by(images, masks, _folder, "files pair by folder, each with one picture and one mask"),
        _by(images, masks, _base, "files pair by base name, in whatever folder"),
        _by_uploads(images, masks),
        *(
            _renamed(_by_affixes([*bare_images], [*bare_masks], affixes), bare_images, bare_masks)
            for affixes in _likely_affixes([*bare_images], [*bare_masks])
        ),
        *_by_inserted_words(images, masks),
        *_by_numbers(images, masks),
    ]
    if all(len(pairing.pairs) < len(images) for pairing in found):
        words = "files pair by the words and numbers in their names, punctuation and zeros before numbers apart"
        found += [
            Pairing(by_words_and_numbers(images, masks), words, None),
            Pairing(by_all_numbers(images, masks), "files pair by all numbers in their names, in order", None),
        ]
    kept: list[Pairing] = []
    for pairing in sorted(found, key=lambda pairing: -len(pairing.pairs)):  # stable: the plainest first
        if pairing.pairs and not any(pairing.pairs == known.pairs for known in kept):
            kept.append(pairing)
    return kept


def _same(key: str) -> str:
    return key


def _folder(key: str) -> str:
    return folded(key.rpartition("/")[0]) or "\0"


def _base(key: str) -> str:
    return folded(key.rpartition("/")[2])


def _by(images: Sequence[str], masks: Sequence[str], core: Callable[[str], str], rule: str) -> Pairing:
    """Pairs of keys whose cores are equal, where no other key on either side has that core."""
    left, right = _unique(images, core), _unique(masks, core)
    pairs = {left[value]: right[value] for value in left if value in right}
    return Pairing(pairs, rule, None if core in (_folder, _base) else Affixes())


def inserted_words(images: Sequence[str], masks: Sequence[str]) -> dict[str, list[str]]:
    """Words without which names of masks are those of pictures -> these masks."""
    known = {folded(key) for key in images}
    found: dict[str, list[str]] = defaultdict(list)
    for key in masks:
        for word, rest in _without_words(key):
            if rest in known:
                found[word].append(key)
    return found


def _without_words(key: str) -> list[tuple[str, str]]:
    """Every word inside the name of a key, and the key without it."""
    folder, _, name = folded(key).rpartition("/")
    found = re.finditer(r"(?<=[_\W])([^\W\d_]+)[_\W]", name)
    return [(one[1], f"{folder}/{name[: one.start()]}{name[one.end() :]}".removeprefix("/")) for one in found]


def _by_inserted_words(images: Sequence[str], masks: Sequence[str]) -> list[Pairing]:
    """Pairs of names that are equal without one word, the same for all masks: `um_0001` and `um_road_0001`."""
    words = [word for word, some in inserted_words(images, masks).items() if len(some) == len(masks)]
    left = _unique(images, folded)
    found = []
    for word in words:
        pairs = {left[rest]: key for key in masks for one, rest in _without_words(key) if one == word and rest in left}
        found.append(Pairing(pairs, f"names of masks have the word {word!r} inside", None))
    return found


def _by_numbers(images: Sequence[str], masks: Sequence[str]) -> list[Pairing]:
    """Pairs by one of the first or last numbers in the names, in the same folder or in any."""
    found = []
    for in_folder in (True, False):
        for ours, theirs in product((0, -1, 1), repeat=2):
            left = _numbered(images, ours, in_folder=in_folder)
            right = _numbered(masks, theirs, in_folder=in_folder)
            pairs = {left[value]: right[value] for value in left if value in right}
            if len(pairs) == len(images) or len(pairs) == len(masks) > len(images) // 2:
                found.append(Pairing(pairs, "files pair by the number in their names", None))
    return found


def _numbered(keys: Sequence[str], place: int, *, in_folder: bool) -> dict[str, str]:
    """Folder and number -> key; empty where one key has no number at the place, or two have the same."""
    found: dict[str, str] = {}
    for key in keys:
        folder, _, name = folded(key).rpartition("/")
        numbers = re.findall(r"\d+", name)
        if not -len(numbers) <= place < len(numbers):
            return {}
        value = f"{folder if in_folder else ''}/{int(numbers[place])}"
        if value in found:
            return {}
        found[value] = key
    return found


def _without_folders(keys: Sequence[str]) -> dict[str, str]:
    """Last part of a key -> key; none where two keys have the same."""
    found = {key.rpartition("/")[2]: key for key in keys}
    return found if len(found) == len(keys) else {}


def _renamed(pairing: Pairing, images: Mapping[str, str], masks: Mapping[str, str]) -> Pairing:
    pairs = {images[image]: masks[mask] for image, mask in pairing.pairs.items()}
    return Pairing(pairs, f"{pairing.rule}, in whatever folder", pairing.affixes)


def _by_affixes(images: Sequence[str], masks: Sequence[str], affixes: Affixes) -> Pairing:
    left = _unique(images, lambda key: _stripped(key, affixes.image))
    right = _unique(masks, lambda key: _stripped(key, affixes.mask))
    pairs = {left[value]: right[value] for value in left if value and value in right}
    return Pairing(pairs, f"{_shown(affixes.image)} pairs with {_shown(affixes.mask)}", affixes)


def _by_uploads(images: Sequence[str], masks: Sequence[str]) -> Pairing:
    """Pairs of base names of which the mask's has eight digits of Label Studio's more: `84c1f46c-a` and `a`."""
    before = names_before_upload(map(_base, masks))
    rule = "files pair by base name, without the eight digits that Label Studio puts before uploads"
    if not before:
        return Pairing({}, rule, None)
    return replace(_by(images, masks, lambda key: before.get(_base(key), _base(key)), rule), affixes=None)


def _unique(keys: Sequence[str], core: Callable[[str], str]) -> dict[str, str]:
    found: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        found[core(key)].append(key)
    return {value: same[0] for value, same in found.items() if len(same) == 1}


def _stripped(key: str, affixes: tuple[str, str]) -> str:
    """The key without prefix and suffix; empty where it lacks one of them."""
    folder, _, name = folded(key).rpartition("/")
    prefix, suffix = affixes
    if not name.startswith(prefix) or not name.endswith(suffix) or len(name) <= len(prefix) + len(suffix):
        return ""
    return f"{folder}/{name[len(prefix) : len(name) - len(suffix)]}"


def _likely_affixes(images: Sequence[str], masks: Sequence[str]) -> list[Affixes]:
    """Prefixes and suffixes that most often make a picture's name a mask's name, the most frequent ones first."""
    by_folder: dict[str, list[str]] = defaultdict(list)
    for key in masks:
        folder, _, name = folded(key).rpartition("/")
        by_folder[folder].append(name)
    votes = Counter[Affixes]()
    step = max(1, len(images) // _TRIED)
    for key in images[::step][:_TRIED]:
        folder, _, name = folded(key).rpartition("/")
        for affixes in {found for other in by_folder.get(folder, ()) for found in affixes_between(name, other)}:
            votes[affixes] += 1
    # The text itself settles ties: the order of a set differs from run to run.
    best = sorted(votes, key=lambda affixes: (-votes[affixes], affixes.length, affixes.image, affixes.mask))
    return best[:_RULES]


def affixes_between(image: str, mask: str) -> list[Affixes]:
    """The ways in which one name becomes the other by a change at its ends."""
    found = []
    if image != mask and image in mask:
        at = mask.index(image)
        found.append(Affixes(mask=(mask[:at], mask[at + len(image) :])))
    elif image != mask and mask in image:
        at = image.index(mask)
        found.append(Affixes(image=(image[:at], image[at + len(mask) :])))
    for cut in _cuts(image):
        if mask.startswith(image[:cut]) and image[cut:] != mask[cut:]:
            found.append(Affixes(("", image[cut:]), ("", mask[cut:])))
        if mask.endswith(image[cut:]) and len(mask) > len(image) - cut:
            found.append(Affixes((image[:cut], ""), (mask[: len(mask) - len(image) + cut], "")))
    return found


def _cuts(name: str) -> list[int]:
    """Places between the words of a name: at punctuation, and between letters and digits."""
    return [match.start() for match in re.finditer(r"(?<=[^\W\d_])(?=[\d\W_])|(?<=\d)(?=[^\d])|(?<=[\W_])(?=\w)", name)]


def _shown(affixes: tuple[str, str]) -> str:
    return f"{affixes[0]}NAME{affixes[1]}"
