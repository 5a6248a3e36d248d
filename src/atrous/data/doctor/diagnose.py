"""The whole examination: from a folder to findings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from atrous.data.annotations.clean_masks import CleanMasks
from atrous.data.annotations.named_shapes import BACKGROUND
from atrous.data.complaints import ASSUMED, Complaint, attempt
from atrous.data.doctor.classes import check_classes, check_colors, check_ignore, check_names
from atrous.data.doctor.cleaning import cleaning_line, cleaning_of
from atrous.data.doctor.duplicates import DuplicatePair, check_duplicate_pairs, check_repeats, find_duplicate_pairs
from atrous.data.doctor.examine import VALUES, Examined, examine
from atrous.data.doctor.finding import Finding, Grade, error, note, warning
from atrous.data.doctor.meaning import Meaning, content_of, meaning_of
from atrous.data.doctor.parallel import bytes_of_pair, in_threads
from atrous.data.doctor.storage import check_bands, check_orientation, check_range, check_storage
from atrous.data.doctor.survey import Split, Survey, survey
from atrous.data.doctor.totals import Totals, by_split
from atrous.data.formats.tiff import read_picture
from atrous.data.layouts.class_names import ClassList
from atrous.data.pairs import Pair
from atrous.data.schema import SCHEMA_FILE, Schema
from atrous.data.splits import HELD_OUT

OnProgress = Callable[[str, int, int], None]
"""Called with the name of the work, the number of items done and the number in all."""

LISTED_CLASSES = "listed classes"
"""Kind of the note about the values that a list of classes gives names to."""

SHOWN_CLASSES = 12
"""Number of classes that this note names."""

SMALL_VAL = 10
"""Fewer pictures than this do not say how good a network is."""


@dataclass(frozen=True)
class Diagnosis:
    """The findings about a data set, and what they were found in.

    Attributes:
        survey: The files.
        schema: The meaning masks were read by; a proposal where none is declared that works.
        examined: Every pair of picture and mask.
        findings: Errors first, then warnings, then notes.
        totals: Pixels by split; empty where masks have no meaning.
        duplicate_pairs: Pictures that are in two splits.
        cleaning: Reads masks without smoothed edges, where they have some that keep them from being read as they are.
    """

    survey: Survey
    schema: Schema | None
    examined: tuple[Examined, ...]
    findings: tuple[Finding, ...]
    totals: Mapping[str, Totals] = field(default_factory=dict)
    duplicate_pairs: tuple[DuplicatePair, ...] = ()
    cleaning: CleanMasks | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that training refuses."""
        return tuple(finding for finding in self.findings if finding.grade == Grade.ERROR)


def diagnose(
    path: Path,
    *,
    splits: Sequence[str] = (),
    schema: Path | None = None,
    pair_by_order: bool = False,
    on_progress: OnProgress | None = None,
) -> Diagnosis:
    """Examine a data set: every list, every picture and every mask, each once (masks twice without a schema).

    Args:
        path: The folder, of any layout or of none.
        splits: Names of splits; none: all of a plain folder, `train` and `val` of published data.
        schema: A `schema.toml` elsewhere.
        pair_by_order: Pair pictures and masks whose names have nothing in common by their order.
        on_progress: Sees files being read.

    Returns:
        Everything that is wrong; nothing of that is raised.
    """
    tell = on_progress or (lambda _what, _done, _whole: None)
    files = survey(path, names=splits, schema=schema, pair_by_order=pair_by_order)
    meaning = _meaning(files, tell)
    cleaning = cleaning_of(files, meaning)
    if cleaning is not None:
        line = cleaning_line(files, cleaning)
        meaning = replace(meaning, schema=meaning.schema or cleaning.schema, lines=(*meaning.lines, line))
    if meaning.schema is not None:
        meaning = replace(meaning, schema=replace(meaning.schema, ranges=files.ranges))
    # Splits may overlap (`trainval`, `val`); a pair is examined in the first that has it.
    pairs: dict[Pair, tuple[str, Split]] = {}
    for name, split in files.splits.items():
        for pair in split.pairs:
            pairs.setdefault(pair, (name, split))
    work = in_threads(
        lambda item: examine(
            item[0], split=item[1][0], read=item[1][1].read, schema=meaning.schema, ranges=files.ranges
        ),
        [*pairs.items()],
        bytes_of=lambda item: bytes_of_pair(item[0]),
        tell=lambda done, whole: tell("reading pictures and masks", done, whole),
    )
    examined = tuple(work)
    # By a schema that is only proposed, a value without meaning is no fault of the mask.
    own = (fault for one in examined for fault in one.faults if meaning.found or fault.kind != VALUES)
    faults = chain(files.complaints, _unpaired_faults(files), meaning.faults, own)
    findings = [error(fault.kind, fault.line) for fault in dict.fromkeys(faults)]
    findings += [(warning if remark.kind == ASSUMED else note)(remark.kind, remark.line) for remark in files.remarks]
    totals = by_split(examined, space=meaning.schema.labels) if meaning.schema else {}
    duplicate_pairs = tuple(
        find_duplicate_pairs(examined, tell=lambda done, whole: tell("comparing splits", done, whole))
    )
    findings += chain(
        check_bands(examined),
        _check_meaning(files, meaning, totals, examined),
        check_duplicate_pairs(duplicate_pairs),
        check_repeats(examined),
        check_storage(path, examined),
        check_range(examined, declared=files.ranges),
        check_orientation(examined),
        _check_sizes(files),
    )
    ranked = sorted(findings, key=lambda finding: list(Grade).index(finding.grade))
    return Diagnosis(files, meaning.schema, examined, tuple(ranked), totals, duplicate_pairs, cleaning)


def _meaning(files: Survey, tell: OnProgress) -> Meaning:
    """The declared schema, or what the masks of a plain folder show by themselves."""
    if files.schema or files.contents is None:
        return Meaning(files.schema, True, ())
    pairs = [(pair, split.read) for split in files.splits.values() for pair in split.pairs]
    contents = in_threads(
        lambda item: content_of(*item),
        pairs,
        bytes_of=lambda item: bytes_of_pair(item[0]),
        tell=lambda done, whole: tell("scanning masks", done, whole),
    )
    classes = files.contents.classes if files.contents else None
    meaning = meaning_of(files.path, contents, classes=classes)
    # Where the schema is bad, what masks show without one is only good for going on.
    return replace(meaning, found=False, faults=(), lines=()) if files.schema_file else meaning


def _unpaired_faults(files: Survey) -> list[Complaint]:
    faults: list[Complaint] = []
    for path in files.unpaired:
        attempt(lambda path=path: read_picture(path, ranges=files.ranges), "unreadable picture", faults)
    return faults


def _check_meaning(
    files: Survey, meaning: Meaning, totals: Mapping[str, Totals], examined: Sequence[Examined]
) -> Iterator[Finding]:
    for line in meaning.lines:
        yield warning("proposal", f"{files.path}: {line}")
    if meaning.colors:
        yield note(
            "colours",
            f"{files.path}: {meaning.colors} colours of the masks are the classes; atrous doctor {files.path} --fix "
            "writes schema.toml, where they get names",
        )
    if files.schema is None and meaning.found and files.contents and files.contents.classes and meaning.schema:
        yield from _listed_classes(files.path, files.contents.classes, meaning.schema)
        yield from _ids_from_1(files.path, files.contents.classes, meaning.schema, totals)
    if meaning.schema is not None:
        val = files.splits.get("val")
        held_out = val is not None and HELD_OUT in val.rule
        yield from check_classes(files.path, meaning.schema, totals, held_out=held_out)
        yield from check_names(files.path, meaning.schema)
        yield from check_ignore(files.path, meaning.schema, totals, examined)
        if files.schema_file is not None:
            yield from check_colors(files.schema_file, meaning.schema)


def _listed_classes(path: Path, listed: ClassList, schema: Schema) -> Iterator[Finding]:
    """The values of masks and the names that a list of classes gives them, on one line."""
    values = schema.remap or {label: label for label in range(len(schema.labels))}
    pairs = [f"{value} = {schema.labels.names[label]}" for value, label in values.items() if label < len(schema.labels)]
    more = f" and {len(pairs) - SHOWN_CLASSES} more" if len(pairs) > SHOWN_CLASSES else ""
    line = f"{path}: classes by {listed.path}: {', '.join(pairs[:SHOWN_CLASSES])}{more}"
    others = [name for name in schema.labels.names if name not in (*listed.names, BACKGROUND)]
    if others and listed.colors and {*listed.names} & {*schema.labels.names}:
        yield note(LISTED_CLASSES, f"{line}; it does not list the colour of {', '.join(others[:SHOWN_CLASSES])}")
    elif {*listed.names} <= {*schema.labels.names}:
        yield note(LISTED_CLASSES, line)
    else:
        shown = ", ".join(schema.labels.names[:SHOWN_CLASSES])
        yield note(
            LISTED_CLASSES,
            f"{path}: the classes of {listed.path} are not used, for masks hold other values; the classes are {shown}",
        )


def _ids_from_1(path: Path, listed: ClassList, schema: Schema, totals: Mapping[str, Totals]) -> Iterator[Finding]:
    """Warn where a list of classes states no ids and no mask holds 0: the ids may count from 1 as well."""
    names = schema.labels.names
    seen = {int(label) for total in totals.values() for label in total.counts.nonzero()[0]}
    if listed.values or schema.remap or names != listed.names or not seen or 0 in seen or len(names) > SHOWN_CLASSES:
        return
    shown = ", ".join(f"{label} = {name}" for label, name in enumerate(names, start=1))
    classes = ", ".join(f'"{name}"' for name in names)
    table = ", ".join(f"{label + 1} = {label}" for label in range(len(names)))
    yield warning(
        "ids from 0 or 1",
        f"{path}: no mask holds 0, which is {names[0]!r} as ids of {listed.path} are read, from 0 on; "
        f"if they count from 1 ({shown}), write {path / SCHEMA_FILE} with the two lines: classes = [{classes}] and: "
        f"remap = {{ {table} }}",
    )


def _check_sizes(files: Survey) -> Iterator[Finding]:
    val = files.splits.get("val")
    if val is not None and 0 < len(val.pairs) < SMALL_VAL:
        yield note(
            "small val",
            f"{files.path}: val has {len(val.pairs)} picture{'s' * (len(val.pairs) > 1)} ({val.rule}); "
            f"a score from fewer than {SMALL_VAL} says little, put more into val",
        )
