"""The files of a data set, by all its lists and folders, without opening a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from atrous.data.annotations.masks import find_images, has_masks
from atrous.data.complaints import Complaint, attempt, collecting
from atrous.data.dataset import LAYOUTS, PLAIN, declared_schema, find_layout
from atrous.data.folder import chosen_part, folder_splits
from atrous.data.pairs import LabelReader, Pair
from atrous.data.schema import SCHEMA_FILE, Schema


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
        layout: One of `LAYOUTS`; empty where it has none.
        splits: Pairs by name of the split.
        unpaired: Pictures that are in no split of a folder whose pairs are in disorder.
        schema: The declared one, or that of the published data; None where there is none, or a bad one.
        schema_file: Where a schema is declared, good or bad; None where there is none.
        complaints: Errors of lists and folders.
    """

    path: Path
    layout: str
    splits: Mapping[str, Split]
    unpaired: tuple[Path, ...]
    schema: Schema | None
    schema_file: Path | None
    complaints: tuple[Complaint, ...]


def survey(path: Path, *, names: Sequence[str] = (), schema: Path | None = None) -> Survey:
    """Find the files of a data set by its lists and folders.

    Args:
        path: The data.
        names: Splits to look at; none: every split of a plain folder, `train` and `val` of published data.
        schema: A `schema.toml` elsewhere.
    """
    splits: dict[str, Split] = {}
    published = None
    with collecting() as complaints:
        layout = attempt(lambda: find_layout(path), "layout", complaints) or ""
        meaning = attempt(lambda: declared_schema(path, elsewhere=schema), "schema", complaints)
        declared = meaning is not None or any(complaint.kind == "schema" for complaint in complaints)
        if layout == PLAIN:
            splits = attempt(lambda: _plain_splits(path, names=names), "layout", complaints) or {}
        for name in () if layout in ("", PLAIN) else names or ("train", "val"):
            data = attempt(lambda name=name: LAYOUTS[layout][1](path, split=name, schema=meaning), "layout", complaints)
            if data is not None:
                splits[name] = Split(data.pairs, data.read, data.rule)
                published = data.schema
        found = tuple(dict.fromkeys(complaints))
        disorder = layout == PLAIN and found
        unpaired = (attempt(lambda: _unpaired(path, splits), "layout", complaints) or ()) if disorder else ()
    # A bad schema is not replaced by the published one: it may say something else.
    kept = meaning if declared else published
    return Survey(path, layout, splits, unpaired, kept, (schema or path / SCHEMA_FILE) if declared else None, found)


def _plain_splits(path: Path, *, names: Sequence[str]) -> dict[str, Split]:
    parts = folder_splits(path)
    chosen = {name: chosen_part(parts, split=name, folder=path) for name in names} or parts
    return {name: Split(part.pairs, part.read, part.rule) for name, part in chosen.items()}


def _unpaired(path: Path, splits: Mapping[str, Split]) -> tuple[Path, ...]:
    """Pictures that no split has: a fault among the masks or lists must not hide theirs."""
    paired = {pair.image for split in splits.values() for pair in split.pairs}
    parts = [path] if has_masks(path) else sorted(part for part in path.iterdir() if has_masks(part))
    return tuple(image for part in parts for image in find_images(part).values() if image not in paired)
