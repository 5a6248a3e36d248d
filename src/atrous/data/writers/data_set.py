"""Converting a data set: every split read as training reads it, and written in another format."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from atrous.data.formats.tiff import read_picture
from atrous.data.formats.value_range import Ranges
from atrous.data.pairs import LabelReader, Pair, check_size
from atrous.data.schema import SCHEMA_FILE, Schema, picture_table
from atrous.data.writers.coco import CocoWriter
from atrous.data.writers.labelled_image import DataSetWriter, LabelledImage, write_text
from atrous.data.writers.labelme import LabelmeWriter
from atrous.data.writers.plain_masks import MaskWriter
from atrous.data.writers.voc import VocWriter
from atrous.data.writers.yolo import YoloWriter
from atrous.errors import InputError
from atrous.labels import LabelSpace

Format = Literal["masks", "coco", "yolo", "labelme", "voc"]
"""Formats that a data set can be written in."""


@dataclass
class Written:
    """The outcome of writing a data set.

    Attributes:
        images: Number of images that were written.
        left_out: A line about every image that was not.
        lost: Lines about what the format cannot hold.
    """

    images: int = 0
    left_out: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def write_data_set(
    folder: Path,
    splits: Mapping[str, tuple[Sequence[Pair], LabelReader]],
    schema: Schema,
    *,
    form: Format,
    tolerance: float = 0.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Written:
    """Write all splits of a data set; an image that cannot be read is left out.

    Args:
        folder: New or empty, so that nothing is mixed with what is there.
        splits: Pairs and the reader of their masks, by name of the split.
        schema: The meaning of the masks.
        form: The format.
        tolerance: Largest distance in pixels of a removed corner of a polygon from the simplified line.
        on_progress: Called after each image with the number done and the total.

    Raises:
        InputError: If the folder is not empty or a file cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not an empty folder; name a new one")
    written = Written()
    writer = _writer(folder, schema.labels, form=form, tolerance=tolerance)
    for item in _readable(splits, schema, written, on_progress):
        writer.add(item)
    written.lost = writer.finish()
    if schema.ranges:
        _keep_ranges(folder / SCHEMA_FILE, schema.ranges)
    return written


def _writer(folder: Path, space: LabelSpace, *, form: Format, tolerance: float) -> DataSetWriter:
    match form:
        case "masks":
            return MaskWriter(folder, space)
        case "coco":
            return CocoWriter(folder, space)
        case "voc":
            return VocWriter(folder, space)
        case "yolo":
            return YoloWriter(folder, space, tolerance=tolerance)
        case "labelme":
            return LabelmeWriter(folder, space, tolerance=tolerance)


def _keep_ranges(path: Path, ranges: Ranges) -> None:
    """Add the range of deep pictures to the schema, or write one that holds nothing else."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    write_text(path, "\n".join([*lines, *picture_table(ranges), ""]))


def _readable(
    splits: Mapping[str, tuple[Sequence[Pair], LabelReader]],
    schema: Schema,
    written: Written,
    on_progress: Callable[[int, int], None] | None,
) -> Iterator[LabelledImage]:
    """The images that can be read, each under a name of its own."""
    taken: set[str] = set()
    number, total = 0, sum(len(pairs) for pairs, _ in splits.values())
    for split, (pairs, read) in splits.items():
        for pair in pairs:
            number += 1
            try:
                labels = read(pair, schema)
                check_size(pair, image=read_picture(pair.image, ranges=schema.ranges).shape, labels=labels.shape)
            except InputError as error:
                written.left_out.append(str(error))
            else:
                name = pair.name if pair.name not in taken else f"{split}/{pair.name}"
                taken.add(name)
                yield LabelledImage(name, split, pair.image, labels)
                written.images += 1
            if on_progress:
                on_progress(number, total)
