"""Splits of a user's folder: which pairs are trained on, which are validated on, and how that was chosen."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from atrous.data.annotations.masks import NamingReader
from atrous.data.complaints import complain
from atrous.data.pairs import Pair
from atrous.errors import InputError


@dataclass(frozen=True)
class Part:
    """A split.

    Attributes:
        pairs: Its pictures with their masks, in the order of the samples.
        read: Reads the masks.
        rule: The way in which the pairs were chosen, in words.
    """

    pairs: tuple[Pair, ...]
    read: NamingReader
    rule: str


Splits = dict[str, Part]
HELD_OUT = "by SHA-256 of the name"
"""The end of the rule of pictures that are held out to validate on."""


def chosen_part(splits: Splits, *, split: str, folder: Path) -> Part:
    """A split by its name; raises InputError where the folder has none of that name."""
    if split not in splits:
        raise InputError(f"{folder} has no split {split!r}; choose from {', '.join(sorted(splits))}")
    return splits[split]


def with_validation(folder: Path, splits: Splits) -> Splits:
    """The splits, and `val` held out of `train` where there is none."""
    part = splits["train"]
    if not part.pairs:
        complain(f"{folder} leaves no pictures for training; shorten the lists or add pictures", kind="empty split")
        return splits
    if "val" in splits:
        return splits
    train, val = _held_out(part.pairs, folder=folder)
    tenth = f"{len(val)} of {len(part.pairs)} pictures, {HELD_OUT}"
    return {
        **splits,
        "train": replace(part, pairs=train, rule=f"{part.rule} without val"),
        "val": replace(part, pairs=val, rule=tenth),
    }


def _held_out(pairs: tuple[Pair, ...], *, folder: Path) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """The rest and a tenth of the pairs; a tenth of those with a mask and of those without, where there are both."""
    groups = [tuple(pair for pair in pairs if pair.has_mask is masked) for masked in (True, False)]
    if min(map(len, groups)) < 2:
        return hold_out(pairs, folder=folder)
    held = {pair for group in groups for pair in hold_out(group, folder=folder)[1]}
    return tuple(pair for pair in pairs if pair not in held), tuple(pair for pair in pairs if pair in held)


def hold_out(pairs: tuple[Pair, ...], *, folder: Path) -> tuple[tuple[Pair, ...], tuple[Pair, ...]]:
    """The rest and a tenth, at least one, chosen by the SHA-256 of the names; both keep the order given."""
    if len(pairs) < 2:
        line = f"{folder} has {len(pairs)} labelled picture; at least two are needed, for train and val"
        complain(line, kind="too few pictures")
        return pairs, ()
    ranked = sorted(pairs, key=lambda pair: hashlib.sha256(pair.name.encode(errors="surrogateescape")).digest())
    held = {pair.name for pair in ranked[: max(1, len(pairs) // 10)]}
    return tuple(pair for pair in pairs if pair.name not in held), tuple(pair for pair in pairs if pair.name in held)


def disjoint(splits: Splits) -> Splits:
    """The splits, with every picture in the first of those that name it; complains of the others."""
    seen: dict[Path, str] = {}
    for name, part in splits.items():
        for pair in part.pairs:
            if seen.setdefault(pair.image, name) != name:
                line = f"{pair.image} is in both {seen[pair.image]} and {name}; take it out of one of them"
                complain(line, kind="split overlap")
    return {
        name: replace(part, pairs=tuple(pair for pair in part.pairs if seen[pair.image] == name))
        for name, part in splits.items()
    }
