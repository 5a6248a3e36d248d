"""Converting a data set: every split read as training reads it, and written in another format."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from atrous.data.formats.tiff import read_picture
from atrous.data.pairs import LabelReader, Pair, check_size
from atrous.data.schema import Schema
from atrous.data.writers.coco import write_coco
from atrous.data.writers.labelled_image import LabelledImage
from atrous.data.writers.labelme import write_labelme
from atrous.data.writers.plain_masks import write_masks
from atrous.data.writers.voc import write_voc
from atrous.data.writers.yolo import write_yolo
from atrous.errors import InputError

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
    items = _readable(splits, schema, written, on_progress)
    written.lost = _writer(form, tolerance=tolerance)(folder, items, schema.labels)
    return written


def _writer(form: Format, *, tolerance: float) -> Callable[..., list[str]]:
    match form:
        case "masks":
            return write_masks
        case "coco":
            return write_coco
        case "voc":
            return write_voc
        case "yolo":
            return partial(write_yolo, tolerance=tolerance)
        case "labelme":
            return partial(write_labelme, tolerance=tolerance)


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
                check_size(pair, image=read_picture(pair.image).shape, labels=labels.shape)
            except InputError as error:
                written.left_out.append(str(error))
            else:
                name = pair.name if pair.name not in taken else f"{split}/{pair.name}"
                taken.add(name)
                yield LabelledImage(name, split, pair.image, labels)
                written.images += 1
            if on_progress:
                on_progress(number, total)
