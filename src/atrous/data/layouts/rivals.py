"""Several kinds of masks beside the same pictures: which one holds the labels.

Fields of view (`mask/21_training_mask.gif`) limit the others. Kinds of 0 and one value that mark different places of
the same pictures, such as `crack_mask` and `spall_mask`, are a class each. Drawings, single instances and the masks of
a second annotator give way; kinds called after classes (`semantic`, `Category_ids`) come before all others, depth,
outlines and whatever looks like a photo after them. Of the rest the kind with more values counts; kinds whose names
share a word and whose masks agree, such as `labels-ah` and `labels-vk`, are the same work of several people, of which
the first counts; masks that are a part of the others (an infection in a lung) are not. What remains is the user's
decision.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from atrous.data.layouts.choice import Choice
from atrous.data.layouts.looks import Agreement, agreement, are_fields, are_masks, number_of_values
from atrous.data.layouts.roles import is_array
from atrous.data.layouts.tree import Tree, listed
from atrous.data.layouts.words import is_field, is_no_label, says_classes, tokens
from atrous.data.schema import SCHEMA_FILE

_PEOPLE = ("annotator", "observer", "reader", "expert", "rater", "grader", "doctor", "radiologist", "reviewer")
"""Beginnings of words for whoever drew masks."""
FURTHER_MASKS = "further masks"
"""The kind of the fault about masks with other words in their names, beside those that all pictures have."""


@dataclass(frozen=True)
class Decision:
    """The kind of masks that counts.

    Attributes:
        choice: Its pairs.
        fields: Pairs of pictures and fields of view; None where there are none.
        notes: Lines about the other kinds.
        faults: A line where several kinds are as good: (kind, line).
        classes: Kinds that are a class each, by name; empty where one kind counts.
    """

    choice: Choice
    fields: Choice | None = None
    notes: tuple[str, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()
    classes: Mapping[str, Choice] = field(default_factory=dict)


def decide(tree: Tree, choices: Sequence[Choice], *, partial: Sequence[Choice] = ()) -> Decision:
    """Choose a kind of masks; reads some of them where names do not decide.

    Args:
        tree: The files.
        choices: At least one; several of a kind may be there, the plainest first.
        partial: Kinds that only some pictures have, which may be classes beside the others.
    """
    kinds = _best_of_each_kind(choices)
    fields = [choice for choice in kinds if _is_field(tree, choice)] if len(kinds) > 1 else []
    labels = [choice for choice in kinds if choice not in fields] or kinds
    best = max(labels, key=lambda choice: (choice.complete, not choice.second, len(choice.pairing.pairs)))
    taken = {mask.path for _, mask in best.paired()}
    others = [choice for choice in labels if choice is not best and not taken & {m.path for _, m in choice.paired()}]
    known = {choice.kind for choice in choices}
    beside = _best_of_each_kind([choice for choice in partial if choice.kind not in known])
    several = [choice for choice in (best, *others, *beside) if not choice.second]
    if not fields and len(several) > 1 and (classes := _classes(tree, several)):
        return Decision(best, classes=classes)
    equal = [choice for choice in others if choice.complete and best.complete and choice.second == best.second]
    notes, faults = [], []
    view = fields[0] if fields and best not in fields else None
    if view is not None:
        notes.append(f"pixels outside the field of view ({_shown(view)}) are ignored")
    if equal:
        best, notes_of_equal, faults = _of_equal(tree, _by_names_and_looks(tree, [best, *equal], notes))
        notes += notes_of_equal
    if further := _of_further_words(best, choices):
        faults = [*faults, _further_fault(tree, further)]
    rest = [choice for choice in others if choice not in equal and choice.second and choice.complete]
    notes += [f"masks of another kind are left out: {_shown(choice)}" for choice in rest]
    return Decision(best, view, tuple(notes), tuple(faults))


def _of_further_words(best: Choice, choices: Sequence[Choice]) -> list[Choice]:
    """Masks of the kind that counts whose names end in other words, for some pictures: perhaps of other classes."""
    ours = best.pairing.affixes
    if ours is None or not best.complete or not _is_word(ours.mask[1]):
        return []
    taken = {mask.path for _, mask in best.paired()}
    found = []
    for choice in choices:
        theirs = choice.pairing.affixes
        if choice.kind != best.kind or choice.complete or choice.second or theirs is None:
            continue
        alike = theirs.image == ours.image and theirs.mask[0] == ours.mask[0] and _is_word(theirs.mask[1])
        if alike and len(choice.pairing.pairs) > 1 and not taken & {mask.path for _, mask in choice.paired()}:
            found.append(choice)
    return found


def _is_word(ending: str) -> bool:
    """Return True for an ending such as `_hair`, which no number follows."""
    return bool(tokens(ending)) and not any(character.isdigit() for character in ending)


def _further_fault(tree: Tree, further: Sequence[Choice]) -> tuple[str, str]:
    image, mask = further[0].paired()[0]
    count = sum(len(choice.pairing.pairs) for choice in further)
    return (
        FURTHER_MASKS,
        f"{tree.root}: {count} masks with other words in their names belong to pictures that have one already, such as "
        f"{mask.path} for {image.path}; join them into one mask for each picture if they are other classes, move them "
        f"away, or name the masks that count under [layout] in {SCHEMA_FILE}",
    )


def _classes(tree: Tree, choices: Sequence[Choice]) -> dict[str, Choice]:
    """Kinds by the words that tell them apart, where their masks hold 0 and one value and mark different places."""
    words = [tokens(choice.kind) for choice in choices]
    common = set.intersection(*map(set, words)) if words else set()
    found = {
        " ".join(word for word in some if word not in common): choice
        for some, choice in zip(words, choices, strict=True)
    }
    if not 2 <= len(found) == len(choices) or "" in found:
        return {}
    if not _agreement(tree, choices).apart:
        return {}
    few = all(number_of_values(tree.root, [mask.path for _, mask in choice.paired()]) <= 2 for choice in choices)
    return dict(sorted(found.items())) if few else {}


def _agreement(tree: Tree, choices: Sequence[Choice]) -> Agreement:
    masks: dict[Path, list[Path]] = defaultdict(list)
    for choice in choices:
        for image, mask in choice.paired():
            masks[image.path].append(mask.path)
    return agreement(tree.root, [some for some in masks.values() if len(some) > 1])


def _best_of_each_kind(choices: Sequence[Choice]) -> list[Choice]:
    found: list[Choice] = []
    for choice in sorted(choices, key=lambda choice: -len(choice.pairing.pairs)):  # stable: the plainest first
        masks = {mask.path for _, mask in choice.paired()}
        alike = [known for known in found if known.kind == choice.kind and known.second == choice.second]
        if not alike or (choice.complete and not any(masks & {m.path for _, m in known.paired()} for known in alike)):
            found.append(choice)
    return found


def _is_field(tree: Tree, choice: Choice) -> bool:
    paths = [mask.path for _, mask in choice.paired()]
    return is_field(choice.kind) or are_fields(tree.root, paths)


def _by_names_and_looks(tree: Tree, equal: Sequence[Choice], notes: list[str]) -> list[Choice]:
    """The kinds that names and looks put first; a note is added about each of the others."""
    ranks = [_rank(tree, choice) for choice in equal]
    first = [choice for choice, rank in zip(equal, ranks, strict=True) if rank == min(ranks)]
    rest = [choice for choice in equal if choice not in first]
    notes += [f"masks of another kind are left out: {_shown(choice)} ({_shown(first[0])} count)" for choice in rest]
    return first


def _rank(tree: Tree, choice: Choice) -> int:
    """0 for kinds called after classes, 2 for by-products that are no classes, 3 for photos, 1 for all others.

    `semantic_masks/a_instance_color.png` says both, which is better than to say only that it is no class.
    """
    masks = [mask for _, mask in choice.paired()]
    if not are_masks(tree.root, [mask.path for mask in masks]):
        return 2 if any(map(is_array, masks)) else 3
    classes, by_product = says_classes(choice.words), is_no_label(choice.words)
    return 1 if classes == by_product else 0 if classes else 2


def _of_equal(tree: Tree, equal: Sequence[Choice]) -> tuple[Choice, list[str], list[tuple[str, str]]]:
    """The kind that counts among those that pair all pictures."""
    if len(equal) == 1:
        return equal[0], [], []
    in_order = sorted(equal, key=lambda choice: choice.kind)
    if _are_same_work(in_order) and _agree(tree, in_order):
        first, *rest = in_order
        return first, [f"masks of another annotator are left out: {_shown(choice)}" for choice in rest], []
    counts = [number_of_values(tree.root, [mask.path for _, mask in choice.paired()]) for choice in in_order]
    most = max(counts)
    if counts.count(most) == 1:
        best = in_order[counts.index(most)]
        line = f"{_shown(best)} have {most} values"
        rest = [
            f"masks of {count} values are left out: {_shown(choice)} ({line})"
            for choice, count in zip(in_order, counts, strict=True)
            if choice is not best
        ]
        return best, rest, []
    return equal[0], [], [_fault(tree, equal)]


def _agree(tree: Tree, choices: Sequence[Choice]) -> bool:
    """Return True if masks mark the same; a part of a mask is another thing, unless names say that people differ."""
    found = _agreement(tree, choices)
    people = all(any(word.startswith(_PEOPLE) for word in tokens(choice.kind)) for choice in choices)
    return found.alike and (people or not found.nested)


def _are_same_work(choices: Sequence[Choice]) -> bool:
    """Return True if the names of all kinds share a word or are numbered, and differ in one."""
    words = [[*tokens(choice.kind.rpartition("/")[2])] for choice in choices]
    if any(len(some) != len(words[0]) for some in words):
        return False
    different = [place for place in range(len(words[0])) if len({some[place] for some in words}) > 1]
    numbered = len({word.strip("0123456789") for some in words for word in some}) == len(words[0])
    return len(different) == 1 and (len(words[0]) > 1 or numbered)


def _shown(choice: Choice) -> str:
    return listed([mask.path for _, mask in choice.paired()], shown=2)


def _fault(tree: Tree, equal: Sequence[Choice]) -> tuple[str, str]:
    firsts = [choice.paired()[0] for choice in equal]
    example: list[Path] = [mask.path for _, mask in firsts]
    number = "two" if len(equal) == 2 else str(len(equal))
    return (
        "two kinds of masks",
        f"{tree.root} has {number} masks for every picture, such as {listed(example, shown=len(example))} for "
        f"{firsts[0][0].path}; move those that you do not want away, or name the others under [layout] in "
        f"{SCHEMA_FILE}",
    )
