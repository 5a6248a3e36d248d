"""The files of a data set, by all its lists and folders, without opening a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from atrous.data.complaints import Complaint, attempt, collecting, complain, remark
from atrous.data.dataset import PLAIN, PUBLISHED, declared_ranges, declared_schema, find_layout
from atrous.data.formats.value_range import Ranges
from atrous.data.layouts.background import PROBABLY_BACKGROUND
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.scanner import contents_of
from atrous.data.layouts.tree import look
from atrous.data.layouts.words import meaning
from atrous.data.pairs import LabelReader, Pair
from atrous.data.schema import SCHEMA_FILE, Schema
from atrous.data.splits import chosen_part, with_validation

DIVIDED = "nothing but background to train on"
"""The kind of the fault that makes `--fix` divide pictures anew."""
PROPOSED = (PROBABLY_BACKGROUND, DIVIDED)
"""Kinds of faults that a survey has mended in memory."""
_LEFT_OVER = ("no mask", "no image")


@dataclass(frozen=True)
class Split:
    """A split: its pairs, what reads their masks, and how it came about."""

    pairs: tuple[Pair, ...]
    read: LabelReader
    rule: str


@dataclass(frozen=True)
class Survey:
    """The files of a data set.

    Attributes:
        path: The folder.
        layout: Name of the published data set, or the layout of a user's own folder; empty where none was recognised.
        splits: Pairs by name of the split.
        unpaired: Pictures that are in no split of a folder whose pairs are in disorder.
        schema: The declared one, or that of the published data; None where there is none, or a bad one.
        schema_file: Where a schema is declared, good or bad; None where there is none.
        complaints: Errors of lists and folders.
        contents: The contents of a user's own folder; None for published data.
        remarks: Choices that were made, and files that are left out.
        pair_by_order: True where pictures and masks were to be paired by their order.
        ranges: Numbers that are black and white in deep pictures; none where not declared.
    """

    path: Path
    layout: str
    splits: Mapping[str, Split]
    unpaired: tuple[Path, ...]
    schema: Schema | None
    schema_file: Path | None
    complaints: tuple[Complaint, ...]
    contents: Contents | None = None
    remarks: tuple[Complaint, ...] = ()
    pair_by_order: bool = False
    ranges: Ranges = ()

    @property
    def leaves_over(self) -> bool:
        """True where a picture has no mask, or a mask no picture: the rule of pairing may be wrong for all."""
        return any(one.kind in _LEFT_OVER for one in self.complaints)


def survey(path: Path, *, names: Sequence[str] = (), schema: Path | None = None, pair_by_order: bool = False) -> Survey:
    """Find the files of a data set by its lists and folders.

    Args:
        path: The data.
        names: Splits to look at; none: every split of a plain folder, `train` and `val` of published data.
        schema: A `schema.toml` elsewhere.
        pair_by_order: Pair pictures and masks whose names have nothing in common by their order.
    """
    splits: dict[str, Split] = {}
    published = contents = None
    with collecting() as complaints:
        layout = attempt(lambda: find_layout(path), "layout", complaints) or ""
        stated = attempt(lambda: declared_schema(path, elsewhere=schema), "schema", complaints)
        ranges = attempt(lambda: declared_ranges(path, elsewhere=schema), "schema", complaints) or ()
        declared = stated is not None or any(complaint.kind == "schema" for complaint in complaints)
        if layout == PLAIN:
            contents = attempt(lambda: _contents(path, pair_by_order=pair_by_order), "layout", complaints)
            splits = attempt(lambda: _own_splits(contents, names=names, path=path), "layout", complaints) or {}
        for name in () if layout in ("", PLAIN) else names or ("train", "val"):
            open_split = PUBLISHED[layout][1]
            data = attempt(partial(open_split, path, split=name, schema=stated), "layout", complaints)
            if data is not None:
                splits[name] = Split(data.pairs, data.read, data.rule)
                published = data.schema
        faults = tuple(dict.fromkeys(one for one in complaints if not one.remark))
        unpaired = (
            (attempt(lambda: _unpaired(path, splits), "layout", complaints) or ()) if layout == PLAIN and faults else ()
        )
    remarks = tuple(dict.fromkeys(one for one in complaints if one.remark))
    # A bad schema is not replaced by the published one: it may say something else.
    kept = stated if declared else published or (contents.schema if contents else None)
    where = (schema or path / SCHEMA_FILE) if declared else None
    return Survey(
        path,
        _named(layout, contents),
        splits,
        unpaired,
        kept,
        where,
        faults,
        contents,
        remarks,
        pair_by_order,
        ranges,
    )


def _named(layout: str, contents: Contents | None) -> str:
    if layout != PLAIN:
        return layout
    return contents.layout if contents else ""


def _contents(path: Path, *, pair_by_order: bool) -> Contents:
    """The contents of a user's folder, with pictures as background that `--fix` would declare so: that is a fault."""
    with collecting() as complaints:
        contents = contents_of(path, pair_by_order=pair_by_order)
    if contents.background:
        complaints = [one for one in complaints if one.kind == PROBABLY_BACKGROUND]
        proposed = contents_of(path, pair_by_order=pair_by_order, background=contents.background)
        contents = replace(proposed, background=contents.background)
    for kind, line, remarked in complaints:
        (remark if remarked else complain)(line, kind=kind)
    return _with_both_to_train_on(path, contents)


def _with_both_to_train_on(path: Path, contents: Contents) -> Contents:
    """The contents, divided anew where all pictures to train on are background and others are not: that is a fault."""
    part = contents.splits.get("train")
    if part is None or any(pair.has_mask for pair in part.pairs) or not any(p.has_mask for p in contents.pairs):
        return contents
    line = (
        f"{path}: all pictures to train on are background ({part.rule}): atrous doctor {path} --fix writes train.txt "
        "and val.txt with pictures of both, and names them under [layout]"
    )
    complain(line, kind=DIVIDED)
    pairs = tuple(pair for one in contents.splits.values() for pair in one.pairs)
    return replace(contents, splits=with_validation(path, {"train": replace(part, pairs=pairs, rule="all pairs")}))


def _own_splits(contents: Contents | None, *, names: Sequence[str], path: Path) -> dict[str, Split]:
    parts = contents.splits if contents else {}
    chosen = {name: chosen_part(parts, split=name, folder=path) for name in names} if contents else {}
    return {name: Split(part.pairs, part.read, part.rule) for name, part in (chosen or parts).items()}


def _unpaired(path: Path, splits: Mapping[str, Split]) -> tuple[Path, ...]:
    """Pictures that no split has: a fault among the masks or lists must not hide theirs."""
    used = {file for split in splits.values() for pair in split.pairs for file in (pair.image, pair.mask)}
    tree = look(path)
    found = (path / picture for picture in tree.pictures)
    return tuple(image for image in found if image not in used and not _among_masks(image.relative_to(path)))


def _among_masks(path: Path) -> bool:
    return any(meaning(part).role == "mask" for part in path.parent.parts)
