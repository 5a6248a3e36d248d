"""`atrous doctor DATA`: finds faults in a data set and proposes remedies."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from atrous.cli.console import progress_callback, progress_callbacks
from atrous.cli.options import given_names, normalized, parse_normalized
from atrous.data.doctor import Diagnosis, Finding, Grade, diagnose
from atrous.data.doctor.fix import write_schema_fix, write_split_fix, write_weights_fix
from atrous.data.doctor.page import write_page
from atrous.data.doctor.survey import PROPOSED
from atrous.data.formats.truncated import accept_truncated, truncated_files
from atrous.data.writers.data_set import Format, write_data_set
from atrous.errors import InputError
from atrous.report.wording import class_line, one_line

SHOWN = 3
"""Number of findings of one kind that the terminal shows."""

FOUND_ERRORS = 1
"""Exit status if training would refuse to start."""

_ALIASES = {"-o": "--write", "--output": "--write", "--out": "--write", "--format": "--as"}
"""Other spellings of this verb's options."""


@dataclass(frozen=True)
class Options:
    """Check a data set: pairs, sizes, readable files, values, classes, duplicates.

    Errors are what `atrous train` refuses, in the same words: with one, the exit status is 1. Warnings cost quality,
    notes are worth knowing.

    Example: atrous doctor street/ --html street.html
    """

    data: tyro.conf.Positional[Path]
    """Folder of images/ and masks/, a published data set, or what was meant to be one."""
    splits: tuple[str, ...] = ()
    """Splits to check; by default all of a folder, train and val of a published data set."""
    schema: Path | None = None
    """schema.toml, where it is not in the data folder."""
    pair_by_order: bool = False
    """Pair pictures with masks whose names have nothing in common by their order."""
    truncated: bool = False
    """Read JPEGs whose end is missing, as train --truncated does."""
    html: Path | None = None
    """Write a page with all findings, class balance, samples and pictures that look alike to this file."""
    fix: bool = False
    """Write what is missing into the data folder: schema.toml, train.txt and val.txt, class_weights.json, and cleaned
    copies of masks with smoothed edges in masks_fixed. What is there stays as it is."""
    write: Path | None = None
    """Write the data set to this new folder in the format of --as. Masks are read by the schema that is declared or,
    without one, by what --fix would write. The exit status is 1 if images were left out."""
    form: Annotated[Format, tyro.conf.arg(name="as")] = "masks"
    """Format of --write: masks (images/, masks/ with class ids, schema.toml, train.txt, val.txt), coco, yolo, labelme
    or voc."""
    tolerance: float = 0.0
    """For polygons of --write: largest distance in pixels of a removed corner from the simplified line; 0 is exact."""


def main(arguments: Sequence[str]) -> int:
    """Examine the data and print the findings; returns the exit status."""
    words = normalized(arguments, aliases=_ALIASES)
    options = parse_normalized(Options, words, verb="doctor")
    if options.write is None and {"as", "tolerance"} & given_names(words):
        raise InputError("--as and --tolerance are about --write; name a new folder: --write OUT")
    accept_truncated(accepted=options.truncated)
    diagnosis = _examined(options)
    if options.fix:
        diagnosis = _fixed(diagnosis, options)
    for name in truncated_files():
        print(f"warning  {one_line(name)} is truncated: what is missing is grey; replace it")
    for line in [*_understood(diagnosis), *_summary(diagnosis, page=options.html)]:
        print(line)
    if options.html is not None:
        write_page(options.html, diagnosis)
        print(f"page     {options.html}")
    if options.write is not None:
        return _write(options.write, diagnosis, options)
    return FOUND_ERRORS if diagnosis.errors else 0


def _examined(options: Options) -> Diagnosis:
    return examined(options.data, splits=options.splits, schema=options.schema, pair_by_order=options.pair_by_order)


def examined(data: Path, *, splits: Sequence[str], schema: Path | None, pair_by_order: bool = False) -> Diagnosis:
    """Diagnose a data set, with a progress display if it takes more than two seconds."""
    with progress_callbacks(after=2.0) as on_progress:
        return diagnose(data, splits=splits, schema=schema, pair_by_order=pair_by_order, on_progress=on_progress)


def _fixed(diagnosis: Diagnosis, options: Options) -> Diagnosis:
    """Write missing files, and examine again if there were any."""
    written = [*write_schema_fix(diagnosis), *write_split_fix(diagnosis), *write_weights_fix(diagnosis)]
    if written:
        _print_background(diagnosis)
    for path in written:
        print(f"wrote    {path}")
    if not written:
        print("wrote    nothing: all files are there already, or the errors must go first")
    return _examined(options) if written else diagnosis


def _print_background(diagnosis: Diagnosis) -> None:
    """State which pictures count as background that nothing declares so yet."""
    contents = diagnosis.survey.contents
    if contents is not None and contents.background:
        entry = f'background = "{one_line(contents.background)}"'
        print(f"fix      {entry} under [layout]: pictures without a mask that fit it are background")


def _write(folder: Path, diagnosis: Diagnosis, options: Options) -> int:
    """Convert the data set; returns the exit status."""
    schema, files = diagnosis.schema, diagnosis.survey
    if schema is None:
        raise InputError(f"{files.path}: the masks have no meaning that could be written; see the errors above")
    if files.schema is None:
        print(f"schema   as --fix would write it: {', '.join(map(one_line, schema.labels.names))}")
    _print_background(diagnosis)
    read = diagnosis.cleaning
    splits = {name: (split.pairs, read or split.read) for name, split in files.splits.items()}
    with progress_callback("writing images") as on_progress:
        written = write_data_set(
            folder, splits, schema, form=options.form, tolerance=options.tolerance, on_progress=on_progress
        )
    lines = [f"left out {one_line(line)}" for line in written.left_out] + [f"lost     {line}" for line in written.lost]
    for line in lines:
        print(line)
    print(f"wrote    {written.images} images to {folder} as {options.form}")
    left_out = [one for one in files.complaints if one.kind not in PROPOSED]
    return FOUND_ERRORS if written.left_out or left_out else 0


def _understood(diagnosis: Diagnosis) -> list[str]:
    """Lines with what was understood: layout, pictures of each split, shares of the classes."""
    files = diagnosis.survey
    counts = {name: len(split.pairs) for name, split in files.splits.items()}
    if not sum(counts.values()):
        return []
    splits = ", ".join(f"{count} in {one_line(name)}" for name, count in counts.items())
    lines = [f"data     {one_line(files.layout or 'unknown layout')}: {splits}"]
    if diagnosis.schema is not None:
        names = diagnosis.schema.labels.names
        pixels = sum((total.counts for total in diagnosis.totals.values()), start=np.zeros(len(names), np.int64))
        shares = {name: float(count) for name, count in zip(names, pixels.tolist(), strict=True)}
        lines += [f"classes  {len(names)}: {class_line(shares)}"] if pixels.any() else []
    return lines


def _summary(diagnosis: Diagnosis, *, page: Path | None) -> list[str]:
    """Lines with the first findings of each kind, and the number of all."""
    order = list(dict.fromkeys((finding.grade, finding.kind) for finding in diagnosis.findings))
    ranked = sorted(diagnosis.findings, key=lambda finding: order.index((finding.grade, finding.kind)))
    groups = [[*group] for _, group in groupby(ranked, key=lambda finding: (finding.grade, finding.kind))]
    where = f"{page} shows all" if page else "--html PAGE shows all"
    counts = Counter(finding.grade for finding in diagnosis.findings)
    total = ", ".join(f"{counts[grade]} {grade}{'s' * (counts[grade] != 1)}" for grade in Grade)
    return [*chain.from_iterable(_lines(group, where=where) for group in groups), total]


def _lines(findings: Sequence[Finding], *, where: str) -> list[str]:
    first = findings[0]
    lines = [f"{finding.grade:<8} {one_line(finding.line)}" for finding in findings[:SHOWN]]
    if len(findings) > SHOWN:
        lines.append(f"{'':<8} and {len(findings) - SHOWN} more about {first.kind!r}; {where}")
    return lines
