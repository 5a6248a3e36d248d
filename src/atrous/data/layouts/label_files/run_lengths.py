"""Run lengths in a CSV, as competitions on Kaggle give them: `ImageId, ClassId, EncodedPixels`.

Runs are pairs of a first pixel, counted from 1, and a length, nearly always down the columns; `run_order` finds those
along the rows. A row without runs says that a class is not there. Files of one row for each picture join class and
picture in one field (`a.jpg_3`).
"""

import contextlib
import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path

from atrous.data.annotations.outlines import Drawing, StartRuns
from atrous.data.formats.images import upright_size
from atrous.data.layouts.background import EVERY, PROBABLY_BACKGROUND, background_notes, proposal_line, sorted_unmasked
from atrous.data.layouts.class_names import find_classes
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.label_files.drawn import Drawn, drawn_contents, split_of_folders
from atrous.data.layouts.label_files.run_order import go_by_rows
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import tokens
from atrous.errors import InputError
from atrous.sizes import Size

_RUNS = ("encodedpixels", "rle", "rlemask", "segmentation", "runlengths", "encoding", "annotation", "mask")
_IMAGES = ("imageid", "image", "img", "imageidclassid", "filename", "id", "imagelabel", "imgid", "file")
_CLASSES = ("classid", "class", "label", "category", "categoryid", "celltype", "classname")
_LONGEST = 2**31
_SAMPLED, _LARGEST = 24, 2**26
"""Number of drawn parts, and of pixels of their pictures, that the order of the runs is found out from."""

_ORDERS: Mapping[bool | None, str] = {
    True: "along the rows: down the columns they would be scattered",
    False: "down the columns",
    None: "down the columns; what they draw does not tell whether along the rows, so look at it by --html PAGE",
}


def run_lengths(tree: Tree) -> Contents | None:
    """Pictures and their runs; None where no CSV has columns of pictures and runs."""
    for path in tree.with_suffix(".csv"):
        if {"submission", "submissions"} & {*tokens(path.stem)}:  # an example of what to hand in
            continue
        rows = _rows(tree, path)
        if rows:
            return _contents(tree, path, rows)
    return None


def _contents(tree: Tree, path: Path, rows: list[tuple[str, str, str]]) -> Contents | None:
    shapes: dict[Path, list[tuple[str, StartRuns]]] = {}
    faults: list[tuple[str, str]] = []
    classes = find_classes(tree)
    numbers = sorted({int(found) for _, name, _ in rows if (found := _number(name))})
    known = dict(zip(classes.values or range(len(classes.names)), classes.names, strict=True)) if classes else {}
    if known and classes and not classes.values and numbers and min(numbers) > 0 and len(numbers) == len(known):
        known = dict(zip(numbers, classes.names, strict=True))
    for number, (image, name, runs) in enumerate(rows, start=2):
        found = tree.find(image, near=path, pictures=True)
        if found is None:
            faults.append(("missing file", f"{tree.root / path} line {number}: no picture {image!r:.200}; add it"))
            continue
        some = shapes.setdefault(found, [])
        words = runs.split()
        if not words or words == ["-1"] or words == ["nan"]:
            continue
        if len(words) % 2 or not all(word.isdecimal() for word in words):
            faults.append(
                ("unreadable mask", f"{tree.root / path} line {number}: runs are no pairs of numbers; correct it")
            )
            continue
        values = tuple(map(int, words))
        label = _label(name, known)
        some.append((label, StartRuns(values[::2], values[1::2])))
    folders = {image.parent for image in shapes}
    unmasked = sorted_unmasked(tree, [one for one in tree.pictures if one.parent in folders and one not in shapes])
    shapes |= {image: [] for image in unmasked.background}
    by_rows = go_by_rows(_sample(tree, shapes))
    if by_rows:
        shapes = {image: [(name, replace(runs, by_rows=True)) for name, runs in some] for image, some in shapes.items()}
    drawn = [Drawn(image, path, Drawing(tuple(some)), split_of_folders(image)) for image, some in shapes.items()]
    if len({one.split for one in drawn}) == 1:  # Kaggle's `train_images` beside pictures without labels
        drawn = [Drawn(one.image, one.source, one.drawing) for one in drawn]
    names = [known.get(number, f"class {number}") for number in numbers]
    notes = [f"runs of {path} count pixels from 1, {_ORDERS[by_rows]}", *background_notes(unmasked)]
    used = [classes.path] if classes else []
    rest, background = [*unmasked.good, *unmasked.other], ""
    if rest:
        background = "" if tree.background else EVERY
        faults.append(
            (PROBABLY_BACKGROUND, proposal_line(tree, rest, background, reason=f"because {path} has no row for them"))
        )
    contents = drawn_contents(
        tree, "run lengths in CSV", drawn, names=names, used=[path, *used], notes=notes, faults=faults
    )
    return contents and replace(contents, background=background)


def _sample(tree: Tree, shapes: Mapping[Path, list[tuple[str, StartRuns]]]) -> Iterator[tuple[StartRuns, Size]]:
    """Some runs with the sizes of their pictures; pictures that cannot be read are named elsewhere."""
    parts = ((image, runs) for image, some in shapes.items() for _, runs in some[:2])
    for image, runs in islice(parts, _SAMPLED):
        with contextlib.suppress(InputError):
            size = upright_size(tree.root / image)
            if size[0] * size[1] <= _LARGEST:
                yield runs, size


def _number(name: str) -> str:
    """The number of a class; `12_2_5` is class 12 with two attributes. Empty where the class has a name."""
    return name.partition("_")[0] if re.fullmatch(r"\d+(_\d+)*", name) else ""


def _label(name: str, known: Mapping[int, str]) -> str:
    number = _number(name)
    return known.get(int(number), f"class {number}") if number else name or "foreground"


def _rows(tree: Tree, path: Path) -> list[tuple[str, str, str]]:
    """Picture, class and runs of every row; none where the header names no such columns."""
    try:
        if (tree.root / path).stat().st_size > _LONGEST:
            return []
        csv.field_size_limit(2**30)
        with (tree.root / path).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [re.sub(r"[\s_]", "", cell.lower()) for cell in next(reader, [])]
            columns = [
                next((header.index(word) for word in words if word in header), None)
                for words in (_IMAGES, _CLASSES, _RUNS)
            ]
            image, label, runs = columns
            if image is None or runs is None:
                return []
            rows = [
                (row[image].strip(), row[label].strip() if label is not None else "", row[runs].strip())
                for row in reader
                if len(row) == len(header)
            ]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
    if not any(re.fullmatch(r"\d+ \d+( \d+ \d+)*", runs) for _, _, runs in rows):
        return []
    joined = [re.fullmatch(r"(.+\.\w{3,4})_(\w+)", image) for image, _, _ in rows]
    if label is None and rows and all(joined):
        return [(match[1], match[2], runs) for match, (_, _, runs) in zip(joined, rows, strict=True) if match]
    return rows
