"""Small text files beside the pictures of a folder: their text, and the tables of YAML files."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atrous.data.layouts.tree import Tree
from atrous.extras import require

YAML_FILES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
"""Usual names of Ultralytics' description of a data set."""
_LONGEST = 2**20
_MOST_FILES = 50
"""YAML files of other names that are looked at."""


def text_of(tree: Tree, path: Path) -> str:
    """The text of a small file; empty where it cannot be read, is no text, or is large."""
    try:
        return (tree.root / path).read_text(encoding="utf-8-sig") if is_small(tree, path) else ""
    except (OSError, UnicodeDecodeError):
        return ""


def is_small(tree: Tree, path: Path) -> bool:
    """Return True if a file is there and has the size of a list of classes, not of annotations."""
    try:
        return (tree.root / path).stat().st_size <= _LONGEST
    except OSError:
        return False


def yaml_content(tree: Tree, path: Path) -> Mapping[str, Any]:
    """The table that a YAML file holds; empty where it holds something else."""
    text = text_of(tree, path)
    if not text:
        return {}
    yaml = require("yaml", extra="labels", purpose=f"reading {tree.root / path}")
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def yaml_files_of_data(tree: Tree) -> tuple[str, ...]:
    """Names of YAML files, called after the data set, that state names of classes and where pictures lie."""
    files = tree.with_suffix(".yaml", ".yml")[:_MOST_FILES]
    return tuple(path.name.lower() for path in files if {"names", "train"} <= _keys_of_yaml(text_of(tree, path)))


def _keys_of_yaml(text: str) -> set[str]:
    return {*re.findall(r"(?m)^(\w+)[ \t]*:", text)}


def yaml_names(content: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    """The ids and names under `names` of a `data.yaml`; none where it has no such list or table."""
    names = content.get("names")
    items = list(enumerate(names)) if isinstance(names, list) else [*names.items()] if isinstance(names, dict) else []
    try:
        return tuple(sorted((int(number), str(name)) for number, name in items))
    except (TypeError, ValueError):
        return ()
