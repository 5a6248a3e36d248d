"""Splits in the names of files, where neither folders nor lists tell any: `train_1.bmp`, `testA_1.bmp`."""

import re
from collections.abc import Collection
from pathlib import Path

from atrous.data.layouts.words import SPLITS
from atrous.data.splits import Splits

_SHORT = {"tr", "dev", "vali", "trainval"}
_WORDS = "|".join(sorted(SPLITS.keys() - _SHORT, key=lambda word: (-len(word), word)))
_SPLIT = re.compile(rf"((?i:{_WORDS}))[A-Z]?(?=[\W\d_])")
_RULE = "names of files that begin with"


def splits_of_names(pictures: Collection[Path]) -> dict[Path, str]:
    """The split that begins the name of every picture; empty where one has none, or all have the same, or none trains.

    A capital may stand behind the word (`testA`), then a number or punctuation.
    """
    found: dict[Path, str] = {}
    for picture in pictures:
        match = _SPLIT.match(picture.stem)
        if match is None:
            return {}
        found[picture] = SPLITS[match[1].lower()]
    splits = {*found.values()}
    return found if len(splits) > 1 and "train" in splits else {}


def rule_of_names(split: str) -> str:
    """The rule of a split that names of files tell."""
    return f"{_RULE} {split}"


def notes_on_names(splits: Splits) -> list[str]:
    """A line where names of files told the splits."""
    counts = [f"{len(part.pairs)} in {name}" for name, part in splits.items() if part.rule.startswith(_RULE)]
    return [f"the names of all pictures begin with their split: {', '.join(counts)}"] if counts else []
