"""Fixes: write a schema, cleaned masks, a split and class weights. What exists stays as it is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from atrous.data.class_weights import balanced_weights, write_class_weights
from atrous.data.doctor.cleaning import write_clean_masks
from atrous.data.doctor.diagnose import Diagnosis
from atrous.data.doctor.survey import DIVIDED, Survey
from atrous.data.doctor.totals import training_counts
from atrous.data.layouts.mask_pictures import MASKS_BY_CONTENT, PICTURES_AND_MASKS
from atrous.data.layouts.pattern_search import patterns_of, split_patterns
from atrous.data.layouts.patterns import read_layout
from atrous.data.layouts.rivals import FURTHER_MASKS
from atrous.data.layouts.tree import look
from atrous.data.schema import SCHEMA_FILE, Schema, write_schema
from atrous.files import atomic_path

WEIGHTS_FILE = "class_weights.json"
EXPONENT = 0.5
"""On median frequency / class frequency; see `data/class_weights.py`."""
_DECISIONS = frozenset({"two kinds of masks", FURTHER_MASKS, "two kinds of pictures"})
"""Kinds of complaints that the user decides: no layout is written."""


def write_schema_fix(diagnosis: Diagnosis) -> Iterator[Path]:
    """Write the schema that masks were read by, in the colours of their palettes, where none is declared.

    Masks with smoothed edges, or of a codec with loss, are written anew to `masks_fixed`. The table `[layout]` says
    where pictures and masks are, and the lists that it names are written where no folder tells the splits.

    Yields:
        The folder, lists and the file.

    Raises:
        InputError: If one cannot be written.
    """
    files, schema = diagnosis.survey, diagnosis.schema
    if files.contents is None or files.schema_file is not None or schema is None:
        return
    schema, table = painted(schema, diagnosis), _layout(files)
    if diagnosis.cleaning is not None:
        for folder, cleaned, patterns in write_clean_masks(files, diagnosis.cleaning):
            schema, table = replace(cleaned, ranges=files.ranges), patterns
            yield folder
    divided = any(one.kind == DIVIDED for one in files.complaints)
    if "images" in table or divided:
        yield from _list_splits(files, table, anew=divided)
    write_schema(files.path / SCHEMA_FILE, schema, layout=table)
    yield files.path / SCHEMA_FILE


def write_split_fix(diagnosis: Diagnosis) -> Iterator[Path]:
    """Write the split that training would choose as `train.txt` and `val.txt`, to be edited.

    Only for one folder of pictures that has no list yet and whose pairs are in order: a list would hide what is not.

    Yields:
        The files.

    Raises:
        InputError: If one cannot be written.
    """
    files = diagnosis.survey
    listed = any((files.path / f"{name}.txt").exists() for name in ("train", "val", "test"))
    if files.contents is None or files.complaints or listed or not _is_undivided(files):
        return
    for name in ("train", "val"):
        with atomic_path(files.path / f"{name}.txt") as temporary:
            temporary.write_text("".join(f"{pair.name}\n" for pair in files.splits[name].pairs), encoding="utf-8")
        yield files.path / f"{name}.txt"


def _layout(files: Survey) -> dict[str, str]:
    """The table `[layout]` that is there, or the one that gives the pairs that were found; empty where none does."""
    contents = files.contents
    declared = {"background": contents.background} if contents and contents.background else {}
    if known := {**declared, **read_layout(files.path)}:
        return known
    if files.pair_by_order:
        return {"pair": "order"}
    if any(one.kind in _DECISIONS for one in files.complaints):
        return {}
    if files.leaves_over:  # a pattern of some files would hide the others
        return {}
    if contents is None or contents.layout not in (PICTURES_AND_MASKS, MASKS_BY_CONTENT) or contents.schema is not None:
        return {}  # the layout says more than which files pair
    splits = {name: split.pairs for name, split in files.splits.items()}
    return patterns_of(look(files.path), splits) or {}


def _list_splits(files: Survey, table: dict[str, str], *, anew: bool) -> Iterator[Path]:
    """Write a list of pictures for each split that the table has no pattern for, and name it there."""
    if any(name in table for name in files.splits) and not anew:
        return
    if files.complaints and not anew:  # a list would hide what is in disorder
        table |= split_patterns(look(files.path), {name: split.pairs for name, split in files.splits.items()})
        return
    for name, split in files.splits.items():
        path = _new_list(files.path, name)
        with atomic_path(path) as temporary:
            lines = (f"{pair.image.relative_to(files.path).as_posix()}\n" for pair in split.pairs)
            temporary.write_text("".join(lines), encoding="utf-8")
        table[name] = path.name
        yield path


def _new_list(folder: Path, name: str) -> Path:
    """A file for the list of a split that is not there yet."""
    path = folder / f"{name}.txt"
    return path if not path.exists() else folder / f"{name}_pictures.txt"


def _is_undivided(files: Survey) -> bool:
    """Return True if no folder or list says which pictures are trained on."""
    val = files.splits.get("val")
    return val is not None and set(files.splits) == {"train", "val"} and "by SHA-256" in val.rule


def write_weights_fix(diagnosis: Diagnosis) -> Iterator[Path]:
    """Write weights for `atrous train --class-weights`, where some pixel to train on has a class.

    Yields:
        The file.

    Raises:
        InputError: If it cannot be written.
    """
    path, schema = diagnosis.survey.path / WEIGHTS_FILE, diagnosis.schema
    counts = training_counts(diagnosis.totals)
    if diagnosis.cleaning is not None:  # the masks that will be read are others
        return
    if schema is not None and counts is not None and counts.any() and not path.exists():
        write_class_weights(path, balanced_weights(counts, exponent=EXPONENT), space=schema.labels)
        yield path


def painted(schema: Schema, diagnosis: Diagnosis) -> Schema:
    """The schema in the colours of the masks, where their palettes agree and give each class one of its own."""
    colors: dict[int, set[tuple[int, int, int]]] = {}
    for one in diagnosis.examined:
        for value, color in one.mask.palette.items() if one.mask else ():
            colors.setdefault(schema.meaning.get(value, schema.labels.ignore), set()).add(color)
    palette = [color for label in range(len(schema.labels)) for color in colors.get(label, ())]
    if any(len(colors.get(label, ())) != 1 for label in range(len(schema.labels))) or len(set(palette)) < len(palette):
        return schema
    return replace(schema, labels=replace(schema.labels, palette=tuple(palette)))
