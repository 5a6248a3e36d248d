"""Masks with smoothed edges or of codecs with loss: the classes that they show, and cleaned copies of them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from atrous.data.annotations.clean_masks import CleanMasks, clean_masks
from atrous.data.doctor.meaning import Meaning
from atrous.data.doctor.survey import Survey
from atrous.data.formats.decoding import ALTERED
from atrous.data.formats.images import IMAGE_SUFFIXES
from atrous.data.layouts.pattern_search import image_patterns
from atrous.data.layouts.patterns import FIXED, matches
from atrous.data.layouts.tree import look
from atrous.data.schema import Schema
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.report.label_png import write_label_png


def cleaning_of(files: Survey, meaning: Meaning) -> CleanMasks | None:
    """A reader of cleaned masks; None where masks need none, or a schema says what they mean."""
    pairs = [pair for split in files.splits.values() for pair in split.pairs]
    masked = [pair for pair in pairs if pair.has_mask]
    pictures = [pair.mask for pair in masked if pair.mask.suffix.lower() in IMAGE_SUFFIXES and pair.mask.is_file()]
    if files.schema_file is not None or files.schema is not None or not pictures or len(pictures) < len(masked):
        return None
    if any(pair.ignore is not None for pair in pairs):  # cleaned masks have no place for fields of view
        return None
    smoothed = meaning.smoothed or (meaning.schema is not None and meaning.schema.threshold > 1)
    lossy = any(ALTERED in fault.line for fault in meaning.faults)
    return clean_masks(pictures) if smoothed or lossy else None


def cleaning_line(files: Survey, cleaning: CleanMasks) -> str:
    """The line that proposes cleaned masks."""
    names = ", ".join(cleaning.schema.labels.names)
    return (
        f"masks have smoothed edges, or a codec with loss altered them: atrous doctor {files.path} --fix writes "
        f"masks of {len(cleaning.schema.labels)} classes ({names}) to {FIXED}, every pixel as the nearest colour"
    )


def write_clean_masks(files: Survey, cleaning: CleanMasks) -> Iterator[tuple[Path, Schema, dict[str, str]]]:
    """Write every cleaned mask to `masks_fixed`; gives the folder, the schema of what was written, and `[layout]`.

    Nothing is written where no pattern tells the pictures from all other files, or some have no mask yet: the pattern
    would hide them.

    Raises:
        InputError: If the folder is there already, or a mask cannot be read or written.
    """
    if (files.path / FIXED).exists():
        raise InputError(f"{files.path / FIXED} is there already; move it away, or name its masks under [layout]")
    pairs = [pair for split in files.splits.values() for pair in split.pairs]
    tree = look(files.path)
    images = [pair.image.relative_to(files.path) for pair in pairs]
    table = None if files.leaves_over else image_patterns(tree, images)
    if table is None:
        return
    keys = {path: key for key, path in matches(tree.files, table["images"]).items()}
    several = len({folder for folder, _ in keys.values()}) > 1
    space = cleaning.schema.labels
    binary = space.names == ("background", "foreground")
    for pair, image in zip(pairs, images, strict=True):
        folder, name = keys[image]
        path = files.path / FIXED / folder / f"{name}.png"
        ids = cleaning(pair, cleaning.schema)
        if binary:
            _write_black_and_white(path, ids)
        else:
            write_label_png(path, ids, space)
    schema = replace(cleaning.schema, threshold=128) if binary else cleaning.schema
    masks = f"{FIXED}/{{folder}}/{{name}}.png" if several else f"{FIXED}/{{name}}.png"
    yield files.path / FIXED, schema, {**table, "masks": masks}


def _write_black_and_white(path: Path, ids: UInt8[np.ndarray, "h w"]) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(ids * np.uint8(255)).save(temporary, "PNG")
