"""YOLO polygons: a text file beside every picture, a line for each instance, names of classes in `data.yaml`.

    images/train/a.jpg   labels/train/a.txt     `0 0.53 0.68 0.50 0.87 ...`: class, then corners as shares of the size

A picture without a text file, or with an empty one, is all background. Boxes (five numbers) have no outline: they are
left out by number where polygons are there, too.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from atrous.data.annotations.outlines import Drawing, Polygon
from atrous.data.layouts.class_names import find_classes
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import Drawn, drawn_contents, split_of_folders
from atrous.data.layouts.label_files.yolo_keypoints import are_keypoints, rows_of_numbers
from atrous.data.layouts.pairing import pairings
from atrous.data.layouts.small_texts import text_of
from atrous.data.layouts.tree import Tree, folded, listed
from atrous.data.layouts.words import meaning

_SAMPLED = 30
_FARTHEST = 1.5
"""Corners beyond this share of the size are no YOLO polygon."""


def yolo(tree: Tree) -> Contents | None:
    """Pictures and their text files; None where the text files hold keypoints, or no polygons."""
    texts = [path for path in tree.with_suffix(".txt") if _rows(text_of(tree, path)) is not None]
    sample = [_rows(text_of(tree, path)) or [] for path in texts[:: max(1, len(texts) // _SAMPLED)]]
    if not any(len(row) >= 7 for rows in sample for row in rows) or are_keypoints(tree):
        return None
    pairs = _pairs(tree, texts)
    if not pairs:
        return None
    classes = find_classes(tree)
    names = dict(zip(classes.values or range(len(classes.names)), classes.names, strict=True)) if classes else {}
    faults: list[tuple[str, str]] = []
    if alone := sorted(path for path in {*texts} - {*pairs.values()} if _rows(text_of(tree, path))):
        line = f"{tree.root}: no image for {len(alone)} text files of labels ({listed(alone)})"
        faults.append(("no image", f"{line}; add the images or move the files away"))
    drawn, largest = [], -1
    labelled = {folder for text in pairs.values() if text for folder in (split_of_folders(text),)}
    for image, text in pairs.items():
        if text is None and split_of_folders(image) not in labelled:
            continue
        rows = (_rows(text_of(tree, text)) or []) if text else []
        polygons = [row for row in rows if len(row) >= 7]
        largest = max([largest, *(int(row[0]) for row in polygons)])
        if names and (strays := {int(row[0]) for row in polygons} - names.keys()):
            line = (
                f"{tree.root / (text or image)} has class {min(strays)}, which {classes.path if classes else ''} lacks"
            )
            faults.append(("classes", f"{line}; correct one of them"))
            polygons = [row for row in polygons if int(row[0]) in names]
        shapes = tuple((_name(names, int(row[0])), _polygon(row)) for row in polygons)
        boxes = len(rows) - len([row for row in rows if len(row) >= 7])
        skipped = {"boxes": boxes} if boxes else None
        drawn.append(Drawn(image, text or image, Drawing(shapes, skipped=skipped), split_of_folders(text or image)))
    empty = sum(text is None for text in pairs.values())
    notes = [f"{empty} pictures without a text file are background"] if empty else []
    order = list(names.values()) or [_name({}, number) for number in range(largest + 1)]
    used = [classes.path] if classes else []
    return drawn_contents(tree, "YOLO polygons", drawn, names=order, used=used, notes=notes, faults=faults)


def _pairs(tree: Tree, texts: Sequence[Path]) -> dict[Path, Path | None]:
    """Every picture with its text file."""
    images = {_key(path): path for path in tree.pictures if not _is_mask(path)}
    files = {_key(path): path for path in texts}
    rules = pairings([*images], [*files])
    if not rules:
        return {}
    found = rules[0].pairs
    return {image: files[found[key]] if key in found else None for key, image in images.items()}


def _key(path: Path) -> str:
    """The path without the folders that only say picture or label, below its split."""
    rest = [part for part in path.parent.parts if not meaning(part).whole]
    return "/".join([split_of_folders(path), *rest, folded(path.stem)])


def _is_mask(path: Path) -> bool:
    return any(meaning(part).role == "mask" for part in path.parent.parts)


def _name(names: dict[int, str], number: int) -> str:
    return names.get(number, f"class {number}")


def _polygon(row: Sequence[float]) -> Polygon:
    return Polygon((np.array(row[1:], np.float64).reshape(-1, 2),), scale=1.0)


def _rows(text: str) -> list[list[float]] | None:
    """The lines as numbers; None where one is no class with corners, or no class with a box."""
    numbers = rows_of_numbers(text)
    if numbers is None:
        return None
    rows = []
    for row in numbers:
        if len(row) < 5 or not row[0].is_integer() or not 0 <= row[0] < 65535:
            return None
        if len(row) >= 7 and len(row) % 2 == 0:  # a confidence at the end
            row = row[:-1]
        if len(row) != 6 and not all(-0.5 <= value <= _FARTHEST for value in row[1:]):
            return None
        rows.append(row)
    return rows
