"""Tables that name the picture and the mask of every sample: Hugging Face's `metadata.jsonl`, or any CSV of paths.

metadata.jsonl       {"file_name": "a.jpg", "label": "masks/a.png"}
metadata.csv         file_name,mask_file_name
dataset.csv          image_path,mask_path,split
output.manifest      {"source-ref": "s3://images/a.jpg", "job-ref": "s3://annotations/0.png"}     SageMaker
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atrous.data.annotations.masks import ARRAY_SUFFIXES, MaskFiles
from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import sample_names, split_of_folders
from atrous.data.layouts.lists import told_splits
from atrous.data.layouts.looks import sample
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import image_and_mask, meaning, split_of
from atrous.data.pairs import Pair

_LONGEST = 2**27
_SPLITS = ("split", "subset", "set", "partition")

Row = Mapping[str, Any]


def tables(tree: Tree) -> Contents | None:
    """The pairs that tables name; None where no table names pictures and masks."""
    pairs: dict[Path, tuple[Path, str]] = {}
    used: list[Path] = []
    faults: list[tuple[str, str]] = []
    for path in tree.with_suffix(".jsonl", ".ndjson", ".manifest", ".csv", ".tsv", ".json"):
        rows = _rows(tree, path)
        columns = _columns(tree, path, rows)
        if columns is None:
            continue
        used.append(path)
        for number, row in rows:
            image, mask = (_file(tree, row.get(column), near=path) for column in columns)
            where = f"{tree.root / path} line {number}"
            if image is None or mask in (None, image):
                written = row.get(columns[1] if image else columns[0])
                faults.append(("list", f"{where}: no file {written!r:.200}; add it or delete the line"))
                continue
            found = mask, _split(row) or split_of_folders(path) or split_of(path.stem)
            if pairs.setdefault(image, found) != found:
                other, split = pairs[image]
                known = f"{image} has the mask {other}" + f" in {split}" * bool(split)
                faults.append(("list", f"{where}: {known} in an earlier line; delete one"))
    if not pairs:
        return None
    names = sample_names([*pairs])
    made = {image: Pair(names[image], tree.root / image, tree.root / mask) for image, (mask, _) in pairs.items()}
    words = {image: split or split_of_folders(image) for image, (_, split) in pairs.items()}
    splits, lists, wrong = told_splits(tree, made, words, read=MaskFiles(), rule=_rule)
    notes = (f"{len(made)} pictures and masks are named in {', '.join(map(str, used))}",)
    return Contents("table of files", splits, used=lists | set(used), notes=notes, faults=(*faults, *wrong))


def _rule(split: str) -> str:
    return f"rows of {split}" if split else "all rows"


def _rows(tree: Tree, path: Path) -> list[tuple[int, Row]]:
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


def _columns(tree: Tree, path: Path, rows: Sequence[tuple[int, Row]]) -> tuple[str, str] | None:
    """The columns of pictures and of masks; None where there are not both."""
    some = sample([row for _, row in rows])
    names = [name for name in (some[0] if some else {}) if name]
    named = [name for name in names if some and all(_file(tree, row.get(name), near=path) for row in some)]
    return image_and_mask(named)


def _file(tree: Tree, written: object, *, near: Path) -> Path | None:
    if isinstance(written, dict):
        written = written.get("path")
    if not isinstance(written, str) or not written:
        return None
    found = tree.find(written, near=near)
    return found if found is not None and found.suffix.lower() in IMAGE_SUFFIXES | ARRAY_SUFFIXES else None


def _split(row: Row) -> str:
    return next((meaning(str(row[name])).split for name in row if name and name.lower() in _SPLITS), "")
