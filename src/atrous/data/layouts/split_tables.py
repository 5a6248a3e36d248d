"""Splits in one YAML or JSON file: `train` and `test` or `val` with names, paths or numbers of pictures.

train_test_split.yaml         test: [3, 6]                    the number in the name of a picture
splits.json                   {"train": ["a", "b"], "val": ["c"]}
splits_final.json             [{"train": ["a"], "val": ["b"]}, ...]     nnU-Net's folds, of which the first counts
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from atrous.data.layouts.class_names import yaml_content
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import SPLITS, tokens


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


def by_number(images: Sequence[Path]) -> dict[int, Path]:
    """The number in the name of each picture -> picture; empty where names have none or several, or two the same."""
    numbers = [re.findall(r"\d+", image.stem) for image in images]
    if any(len(found) != 1 or len(found[0]) > 18 for found in numbers):
        return {}
    table = {int(found[0]): image for found, image in zip(numbers, images, strict=True)}
    return table if len(table) == len(images) else {}


def _splits(content: Any) -> dict[str, list[str | int]]:
    found: dict[str, list[str | int]] = {}
    for key, names in content.items() if isinstance(content, dict) else ():
        split = SPLITS.get(str(key).lower())
        if split and isinstance(names, list) and all(type(name) in (str, int) for name in names):
            found.setdefault(split, []).extend(names)
    return found
