"""Tables that name the picture and the mask of every sample: Hugging Face's `metadata.jsonl`, or any CSV of paths.

metadata.jsonl       {"file_name": "a.jpg", "label": "masks/a.png"}
metadata.csv         file_name,mask_file_name
dataset.csv          image_path,mask_path,split           a row without a mask: a picture that shows background
output.manifest      {"source-ref": "s3://images/a.jpg", "job-ref": "s3://annotations/0.png"}     SageMaker
"""

from collections.abc import Sequence
from pathlib import Path

from atrous.data.annotations.masks import ARRAY_SUFFIXES, MaskFiles
from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.layouts.background import (
    EVERY,
    PROBABLY_BACKGROUND,
    background_notes,
    proposal_line,
    sorted_unmasked,
)
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import sample_names, split_of_folders
from atrous.data.layouts.lists import told_splits
from atrous.data.layouts.looks import sample
from atrous.data.layouts.rows import Row, table_rows
from atrous.data.layouts.tree import Tree, listed
from atrous.data.layouts.words import image_and_mask, meaning, split_of
from atrous.data.pairs import Pair

_SPLITS = ("split", "subset", "set", "partition")


def tables(tree: Tree) -> Contents | None:
    """The pairs that tables name; None where no table names pictures and masks."""
    pairs: dict[Path, tuple[Path, str]] = {}
    unmasked: dict[Path, tuple[Path, str]] = {}
    used: list[Path] = []
    faults: list[tuple[str, str]] = []
    for path in tree.with_suffix(".jsonl", ".ndjson", ".manifest", ".csv", ".tsv", ".json"):
        rows = table_rows(tree, path)
        columns = _columns(tree, path, rows)
        if columns is None:
            continue
        used.append(path)
        for number, row in rows:
            image, mask = (_file(tree, row.get(column), near=path) for column in columns)
            split = _split(row) or split_of_folders(path) or split_of(path.stem)
            if image is not None and not row.get(columns[1]):
                unmasked[image] = path, split
                continue
            where = f"{tree.root / path} line {number}"
            if image is None or mask in (None, image):
                written = row.get(columns[1] if image else columns[0])
                faults.append(("list", f"{where}: no file {written!r:.200}; add it or delete the line"))
                continue
            found = mask, split
            if pairs.setdefault(image, found) != found:
                other, split = pairs[image]
                known = f"{image} has the mask {other}" + f" in {split}" * bool(split)
                faults.append(("list", f"{where}: {known} in an earlier line; delete one"))
    if not pairs:
        return None
    # A split in which no row has a mask is not labelled.
    labelled = {split for _, split in pairs.values()}
    unlabelled = [image for image, (_, split) in unmasked.items() if split not in labelled]
    found = sorted_unmasked(tree, [image for image in unmasked if image not in pairs and image not in unlabelled])
    pairs |= {image: (image, unmasked[image][1]) for image in found.background}
    names = sample_names([*pairs])
    made = {image: Pair(names[image], tree.root / image, tree.root / mask) for image, (mask, _) in pairs.items()}
    words = {image: split or split_of_folders(image) for image, (_, split) in pairs.items()}
    splits, lists, wrong = told_splits(tree, made, words, read=MaskFiles(), rule=_rule)
    count = sum(pair.has_mask for pair in made.values())
    where = ", ".join(map(str, used))
    notes = [f"{count} pictures and masks are named in {where}", *background_notes(found)]
    if unlabelled:
        notes.append(f"{len(unlabelled)} pictures of splits without masks are not used ({listed(unlabelled)})")
    background = ""
    if rest := [*found.good, *found.other]:
        background = "" if tree.background else EVERY
        line = proposal_line(tree, rest, background, reason=f"because {where} names none for them")
        faults.append((PROBABLY_BACKGROUND, line))
    return Contents(
        "table of files",
        splits,
        used=lists | set(used),
        notes=tuple(notes),
        faults=(*faults, *wrong),
        background=background,
    )


def _rule(split: str) -> str:
    return f"rows of {split}" if split else "all rows"


def _columns(tree: Tree, path: Path, rows: Sequence[tuple[int, Row]]) -> tuple[str, str] | None:
    """The columns of pictures and of masks; None where there are not both."""
    some = sample([row for _, row in rows])
    names = [name for name in (some[0] if some else {}) if name]
    named = [name for name in names if _names_files([row.get(name) for row in some], tree, path)]
    columns = image_and_mask(named)
    return columns if columns and all(row.get(columns[0]) for row in some) else None


def _names_files(cells: Sequence[object], tree: Tree, path: Path) -> bool:
    """Return True if every cell of some names a file or is empty, and not all are empty."""
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(_file(tree, cell, near=path) for cell in filled)


def _file(tree: Tree, written: object, *, near: Path) -> Path | None:
    if isinstance(written, dict):
        written = written.get("path")
    if not isinstance(written, str) or not written:
        return None
    found = tree.find(written, near=near)
    return found if found is not None and found.suffix.lower() in IMAGE_SUFFIXES | ARRAY_SUFFIXES else None


def _split(row: Row) -> str:
    return next((meaning(str(row[name])).split for name in row if name and name.lower() in _SPLITS), "")
