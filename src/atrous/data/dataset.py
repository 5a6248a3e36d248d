"""The protocol of data sets, and opening one by the layout of its folder."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from atrous.data.complaints import unreadable
from atrous.data.folder import is_plain_folder, open_folder
from atrous.data.pairs import PairedFiles
from atrous.data.published.ade20k import is_ade20k, open_ade20k
from atrous.data.published.camvid import is_camvid, open_camvid
from atrous.data.published.cityscapes import is_cityscapes, open_cityscapes
from atrous.data.published.coco_voc import is_coco, open_coco
from atrous.data.published.voc import is_voc, open_voc
from atrous.data.sample import Sample
from atrous.data.schema import SCHEMA_FILE, Schema, read_schema
from atrous.errors import InputError
from atrous.labels import LabelSpace

PLAIN = "images/ and masks/"
"""The layout of a user's own folder."""

LAYOUTS: dict[str, tuple[Callable[[Path], bool], Callable[..., PairedFiles]]] = {
    "CamVid": (is_camvid, open_camvid),
    "Cityscapes": (is_cityscapes, open_cityscapes),
    "PASCAL VOC": (is_voc, open_voc),
    "COCO 2017": (is_coco, open_coco),
    "ADE20K": (is_ade20k, open_ade20k),
    PLAIN: (is_plain_folder, open_folder),
}
"""Every layout: does a folder have it, and opening a split."""


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


def open_data(path: Path, *, split: str, schema: Path | None = None) -> DataSet:
    """Open a split of a folder, whichever of the `LAYOUTS` it has.

    Args:
        path: The folder.
        split: `train`, `val`, or what else the layout offers.
        schema: A `schema.toml` elsewhere, for data that cannot be written to; otherwise the one in the folder counts.

    Raises:
        InputError: If the folder is missing, of no known layout or of several, or anything in it contradicts itself or
            cannot be looked at.
    """
    return open_splits(path, splits=(split,), schema=schema)[split]


def open_splits(path: Path, *, splits: Collection[str], schema: Path | None = None) -> dict[str, DataSet]:
    """Open several splits as `open_data` does, and look through masks without a schema only once for all of them.

    Raises:
        InputError: As `open_data` does.
    """
    try:
        layout, meaning = find_layout(path), declared_schema(path, elsewhere=schema)
        opened: dict[str, DataSet] = {}
        for split in splits:
            data = opened[split] = LAYOUTS[layout][1](path, split=split, schema=meaning)
            if layout == PLAIN:  # what all its masks show; published data would pass for a folder of other classes
                meaning = data.schema
        return opened
    except OSError as error:  # of any layout: no access, a name too long
        raise InputError(unreadable(error)) from error


def find_layout(path: Path) -> str:
    """Which of the `LAYOUTS` a folder has.

    Raises:
        InputError: If the folder is missing, of no known layout or of several.
    """
    if not path.is_dir():
        raise InputError(
            f"no data folder {path}; check the name"
            if not path.exists()
            else f"{path} is not a folder of data; name one"
        )
    fitting = [name for name, (fits, _) in LAYOUTS.items() if fits(path)]
    if len(fitting) > 1:
        raise InputError(f"{path} looks like {' and '.join(fitting)} at once; name the folder that holds only one")
    if not fitting:
        raise InputError(
            f"{path} is of no known layout; expected are {path / 'images'} and {path / 'masks'}, "
            f"or the same two folders inside {path / 'train'}, or a data set as it was extracted ({', '.join(LAYOUTS)})"
        )
    return fitting[0]


def declared_schema(path: Path, *, elsewhere: Path | None) -> Schema | None:
    """The schema at `elsewhere`, or else the one in the folder; None where there is none.

    Raises:
        InputError: If it is missing, or says something that makes no sense.
    """
    beside = path / SCHEMA_FILE
    return read_schema(elsewhere) if elsewhere else read_schema(beside) if beside.exists() else None
