"""Rows of a table in CSV, TSV, JSON lines, or a JSON list of objects."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atrous.data.layouts.tree import Tree

_LONGEST = 2**27

Row = Mapping[str, Any]


def table_rows(tree: Tree, path: Path) -> list[tuple[int, Row]]:
    """Rows with the number of their line, or of the object in a JSON list; none where the file is no table."""
    try:
        if (tree.root / path).stat().st_size > _LONGEST:
            return []
        if path.suffix.lower() == ".json":
            content = tree.json(path)
            rows = content if isinstance(content, list) else []
            return [(number, row) for number, row in enumerate(rows, start=1) if isinstance(row, dict)]
        text = (tree.root / path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return []
    if path.suffix.lower() in (".csv", ".tsv"):
        first = text.partition("\n")[0]
        delimiter = max("\t;,", key=first.count)
        try:
            reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
            return [(reader.line_num, row) for row in reader]
        except csv.Error:
            return []
    found: list[tuple[int, Row]] = []
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            row = json.loads(line) if line.strip() else {}
        except (ValueError, RecursionError):
            return []
        if isinstance(row, dict) and row:
            found.append((number, row))
    return found
