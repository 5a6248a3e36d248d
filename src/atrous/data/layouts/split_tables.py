"""Splits in one YAML or JSON file, or in a column of a table: names, paths or numbers of the pictures of each.

train_test_split.yaml         test: [3, 6]                    the number in the name of a picture
splits.json                   {"train": ["a", "b"], "val": ["c"]}
splits_final.json             [{"train": ["a"], "val": ["b"]}, ...]     nnU-Net's folds, of which the first counts
dataset.csv                   idx;fname;set                   any column of words for splits
names.csv                     name,is_valid                   true for those of val, false for those of train
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from atrous.data.layouts.rows import Row, table_rows
from atrous.data.layouts.small_texts import yaml_content
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import IMAGE_WORDS, SPLITS, meaning, tokens

_PICTURES = IMAGE_WORDS | {"file", "filename", "fname", "name", "path", "imageid"}
_MOST_TABLES, _LONGEST = 20, 2**24
_TRUE, _FALSE = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


def split_tables(tree: Tree) -> Iterator[tuple[Path, Mapping[str, Sequence[str | int]]]]:
    """Every file of splits, and the pictures of each as it names them."""
    for path in tree.with_suffix(".yaml", ".yml", ".json"):
        if not {"split", "splits"} & {*tokens(path.stem)}:
            continue
        content = tree.json(path) if path.suffix.lower() == ".json" else yaml_content(tree, path)
        if isinstance(content, list) and content:
            content = content[0]
        found = _splits(content)
        if found:
            yield path, found
    for path in tree.with_suffix(".csv", ".tsv", ".json", ".jsonl")[:_MOST_TABLES]:
        if (tree.root / path).stat().st_size <= _LONGEST:
            yield from ((path, found) for found in _columns([row for _, row in table_rows(tree, path)]))


def by_number(images: Sequence[Path]) -> dict[int, Path]:
    """The number in the name of each picture -> picture; empty where names have none or several, or two the same."""
    numbers = [re.findall(r"\d+", image.stem) for image in images]
    if any(len(found) != 1 or len(found[0]) > 18 for found in numbers):
        return {}
    table = {int(found[0]): image for found, image in zip(numbers, images, strict=True)}
    return table if len(table) == len(images) else {}


def _columns(rows: Sequence[Row]) -> Iterator[dict[str, list[str | int]]]:
    """The splits of the rows, with the names of each column that may be that of pictures."""
    names = [name for name in (rows[0] if rows else ()) if name]
    for name in names:
        splits = [_split(name, row.get(name)) for row in rows]
        if not all(splits) or len(set(splits)) < 2:
            continue
        others = [other for other in names if other != name]
        for other in sorted(others, key=lambda one: not _PICTURES & {*tokens(one)}):
            found: dict[str, list[str | int]] = {}
            for split, row in zip(splits, rows, strict=True):
                found.setdefault(split, []).append(str(row.get(other)))
            yield found


def _split(name: str, value: object) -> str:
    """The split that a cell states, by its word or as the truth of the column's name; empty where it states none."""
    word = meaning(re.sub(r"^is[_ ]?", "", name.lower())).split
    truth = str(value).strip().lower()
    if word and truth in _TRUE | _FALSE:
        return word if truth in _TRUE else ("val" if word == "train" else "train")
    found = meaning(str(value))
    return found.split if found.whole else ""


def _splits(content: Any) -> dict[str, list[str | int]]:
    found: dict[str, list[str | int]] = {}
    for key, names in content.items() if isinstance(content, dict) else ():
        split = SPLITS.get(str(key).lower())
        if split and isinstance(names, list) and all(type(name) in (str, int) for name in names):
            found.setdefault(split, []).extend(names)
    return found
