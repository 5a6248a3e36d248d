"""The protocol of data sets, and opening one by the layout of its folder."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from atrous.data.annotations.scan import scan
from atrous.data.complaints import unreadable
from atrous.data.folder import is_plain_folder
from atrous.data.formats.image_names import natural_key
from atrous.data.formats.value_range import Ranges
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.scanner import contents_of
from atrous.data.pairs import PairedFiles
from atrous.data.published.ade20k import is_ade20k, open_ade20k
from atrous.data.published.camvid import is_camvid, open_camvid
from atrous.data.published.cityscapes import is_cityscapes, open_cityscapes
from atrous.data.published.coco_voc import is_coco, open_coco
from atrous.data.published.voc import is_voc, open_voc
from atrous.data.sample import Sample
from atrous.data.schema import SCHEMA_FILE, Schema, read_ranges, read_schema, read_table
from atrous.data.splits import Part, chosen_part
from atrous.errors import InputError
from atrous.files import similar_path
from atrous.labels import LabelSpace

PLAIN = "images/ and masks/"
"""A user's own folder, whatever its layout."""
ALL = "all"
"""The split of every labelled picture."""

PUBLISHED: dict[str, tuple[Callable[[Path], bool], Callable[..., PairedFiles]]] = {
    "CamVid": (is_camvid, open_camvid),
    "Cityscapes": (is_cityscapes, open_cityscapes),
    "PASCAL VOC": (is_voc, open_voc),
    "COCO 2017": (is_coco, open_coco),
    "ADE20K": (is_ade20k, open_ade20k),
}
"""Every published data set: a function that recognises its folder, and one that opens a split."""


@runtime_checkable
class DataSet(Protocol):
    """Labelled pictures in a fixed order."""

    @property
    def labels(self) -> LabelSpace:
        """The label space of every sample."""
        ...

    @property
    def name(self) -> str:
        """The name of the data set in protocols."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """The names of the samples, in order."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample:
        """A sample whose labels are class ids and the ignore value; raises InputError where files are bad."""
        ...

    def describe(self) -> dict[str, Any]:
        """Name, split, how it was chosen, number of images, licence: the part of a protocol that is about the data."""
        ...


def open_data(
    path: Path | str, *, split: str = ALL, schema: Path | None = None, pair_by_order: bool = False
) -> DataSet:
    """Open a folder of labelled pictures, whatever its layout: published data, or any that `data/layouts` knows.

    Args:
        path: The folder.
        split: `train`, `val`, or what else the folder offers; `all` gives every labelled picture.
        schema: A `schema.toml` elsewhere, for data that cannot be written to; otherwise the one in the folder counts.
        pair_by_order: Pair pictures and masks whose names have nothing in common by their order.

    Raises:
        InputError: If the folder is missing, of no known layout or of several, or anything in it contradicts itself or
            cannot be looked at.
    """
    return open_splits(Path(path), splits=(split,), schema=schema, pair_by_order=pair_by_order)[split]


def open_splits(
    path: Path, *, splits: Collection[str] = (), schema: Path | None = None, pair_by_order: bool = False
) -> dict[str, DataSet]:
    """Open several splits as `open_data` does, and look through masks without a schema only once for all of them.

    Args:
        path: The folder.
        splits: Their names; none: all of a user's own folder, `train` and `val` of published data.
        schema: As for `open_data`.
        pair_by_order: As for `open_data`.

    Raises:
        InputError: As `open_data` does.
    """
    try:
        layout, meaning = find_layout(path), declared_schema(path, elsewhere=schema)
        if layout == PLAIN:
            contents = contents_of(path, pair_by_order=pair_by_order)
            ranges = declared_ranges(path, elsewhere=schema)
            return _open_own(path, contents, splits=splits, schema=meaning, ranges=ranges)
        opener = PUBLISHED[layout][1]
        opened: dict[str, DataSet] = {}
        for split in splits or ("train", "val"):
            parts = ("train", "val") if split == ALL else (split,)
            opened[split] = _joined([opener(path, split=part, schema=meaning) for part in parts], split=split)
        return opened
    except OSError as error:  # of any layout: no access, a name too long
        raise InputError(unreadable(error)) from error


def find_layout(path: Path) -> str:
    """The published data set that a folder holds, or `PLAIN`.

    Raises:
        InputError: If the folder is missing, or holds several published data sets.
    """
    if not path.is_dir():
        if path.exists():
            raise InputError(f"{path} is not a folder of data; name one")
        similar = similar_path(str(path))
        raise InputError(f"no data folder {path}; {f'did you mean {similar!r}?' if similar else 'check the name'}")
    fitting = [name for name, (fits, _) in PUBLISHED.items() if fits(path)]
    fitting += [PLAIN] * (bool(fitting) and is_plain_folder(path))
    if len(fitting) > 1:
        raise InputError(f"{path} looks like {' and '.join(fitting)} at once; name the folder that holds only one")
    return fitting[0] if fitting else PLAIN


def declared_schema(path: Path, *, elsewhere: Path | None) -> Schema | None:
    """The schema at `elsewhere`, or else the one in the folder; None where there is none.

    Raises:
        InputError: If it is missing, or says something that makes no sense.
    """
    file = elsewhere or path / SCHEMA_FILE
    if elsewhere is None and not file.exists():
        return None
    table = read_table(file)
    alone = bool(table) and table.keys() <= {"layout", "picture"}
    return None if alone else read_schema(file)


def declared_ranges(path: Path, *, elsewhere: Path | None) -> Ranges:
    """The range of deep pictures in the schema at `elsewhere`, or else in the folder's; none where it has none.

    Raises:
        InputError: If the schema says something that makes no sense.
    """
    return read_ranges(elsewhere or path / SCHEMA_FILE)


def own_schema(path: Path, contents: Contents) -> Schema:
    """The classes of a user's folder without a `schema.toml`: as its files state them, or as all masks show them.

    Raises:
        InputError: If masks hold values that are no class ids; the line proposes a schema.
    """
    if contents.schema is not None:
        return contents.schema
    parts = contents.splits.values()
    return scan(path, [(pair, part.read) for part in parts for pair in part.pairs], classes=contents.classes)


def _open_own(
    path: Path, contents: Contents, *, splits: Collection[str], schema: Schema | None, ranges: Ranges
) -> dict[str, DataSet]:
    if not contents.pairs:
        raise InputError(f"{path} has no picture with a mask ({contents.layout}); there is nothing to learn")
    parts = {**contents.splits, ALL: _everything(contents)}
    chosen = {split: chosen_part(parts, split=split, folder=path) for split in splits or contents.splits}
    meaning = schema or replace(own_schema(path, contents), ranges=ranges)
    return {
        split: PairedFiles(
            name=path.resolve().name,
            split=split,
            rule=part.rule,
            licence="not stated",
            schema=meaning,
            pairs=part.pairs,
            read=part.read,
        )
        for split, part in chosen.items()
    }


def _everything(contents: Contents) -> Part:
    """All pairs in the natural order of their pictures; one reader serves every split of a folder."""
    first = next(iter(contents.splits.values()))
    pairs = sorted(contents.pairs, key=lambda pair: natural_key(pair.image))
    return replace(first, pairs=tuple(pairs), rule="all pairs")


def _joined(parts: Sequence[PairedFiles], *, split: str) -> PairedFiles:
    first = parts[0]
    pairs = tuple(pair for part in parts for pair in part.pairs)
    rule = " and ".join(part.rule for part in parts)
    return first if len(parts) == 1 else replace(first, split=split, rule=rule, pairs=pairs)
