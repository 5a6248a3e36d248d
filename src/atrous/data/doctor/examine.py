"""One picture and its mask, read once: what is wrong with them, and what the checks need to know of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Int64, Integer

from atrous.data.annotations.color_masks import occurrences, packed_colors, value_counts
from atrous.data.annotations.masks import NamingReader
from atrous.data.complaints import Complaint, attempt
from atrous.data.doctor.perceptual_hash import PerceptualHash, perceptual_hash
from atrous.data.formats.images import IMAGE_SUFFIXES, read_mask_and_alpha, read_palette
from atrous.data.formats.tiff import read_picture
from atrous.data.formats.value_range import Ranges
from atrous.data.pairs import LabelReader, Pair, check_size, check_stored_size, ignored_without_data, value_ids
from atrous.data.schema import Schema
from atrous.labels import Color

GREY, PALETTE, RGB_GREY, RGB, OTHER = "grey", "palette", "greys stored as RGB", "RGB colours", "shapes or a matrix"
"""Ways to store a mask."""

VALUES = "mask values"
"""The kind of a fault: a value that has no meaning."""


@dataclass(frozen=True)
class Mask:
    """The content of a mask's file.

    Attributes:
        storage: One of the words above.
        size: Height and width.
        values: Number, or packed colour where it is stored in RGB -> pixels, the 256 most frequent ones; empty for
            `OTHER`.
        palette: Number -> colour, of those that occur in a file with a palette.
        counts: Pixels of each class; None where the file cannot be understood.
        ignored: Pixels without a class.
        alpha: True where the file has a channel of transparency, which is 255 everywhere.
    """

    storage: str
    size: tuple[int, int]
    values: Mapping[int, int] = field(default_factory=dict)
    palette: Mapping[int, Color] = field(default_factory=dict)
    counts: Int64[np.ndarray, " k"] | None = None
    ignored: int = 0
    alpha: bool = False


@dataclass(frozen=True)
class Examined:
    """A pair after examination.

    Attributes:
        pair: Its files.
        split: Name of its split.
        faults: Errors; each would stop training.
        size: Height, width and channels of the picture; None where it is unreadable.
        look: Its fingerprint.
        mask: None where it is unreadable.
    """

    pair: Pair
    split: str
    faults: tuple[Complaint, ...]
    size: tuple[int, int, int] | None
    look: PerceptualHash | None
    mask: Mask | None


def examine(pair: Pair, *, split: str, read: LabelReader, schema: Schema | None, ranges: Ranges = ()) -> Examined:
    """Read a pair as training will.

    Args:
        pair: The files.
        split: Name of its split.
        read: Reads masks that are no pictures.
        schema: The meaning of masks; without it, those that are pictures are looked at as they lie in the file.
        ranges: Numbers that are black and white in deep pictures.
    """
    faults: list[Complaint] = []
    attempt(lambda: check_stored_size(pair), "size", faults)
    if faults:  # one of the two may be huge: neither is decoded
        return Examined(pair, split, tuple(faults), None, None, None)
    image = attempt(lambda: read_picture(pair.image, ranges=ranges), "unreadable picture", faults)
    raw, alpha, ids = None, False, None
    # A mask of numbers or colours is the same for all readers; read here once, it gives its numbers and its classes.
    named = isinstance(read, NamingReader) and _is_picture(pair.mask) and read.names(pair) is not None
    if pair.has_mask and _is_picture(pair.mask) and pair.ignore is None and not named:
        raw, alpha = attempt(lambda: read_mask_and_alpha(pair.mask), "unreadable mask", faults) or (None, False)
        if raw is not None and schema:
            ids = attempt(lambda: value_ids(raw, schema=schema, path=pair.mask), VALUES, faults)
    elif schema:
        ids = attempt(lambda: read(pair, schema), "unreadable mask", faults)
    shown = raw if raw is not None else ids
    if image is not None and shown is not None:
        attempt(lambda: check_size(pair, image=image.shape, labels=shown.shape[:2]), "size", faults)
        if ids is not None and schema and not faults:
            ids = ignored_without_data(pair.image, ids, ignore=schema.labels.ignore)
    size = None if image is None else (image.shape[0], image.shape[1], image.shape[2])
    look = None if image is None else perceptual_hash(image)
    mask = _mask(pair.mask, raw=raw, alpha=alpha, ids=ids, schema=schema)
    return Examined(pair, split, tuple(faults), size, look, mask)


def is_grey(colors: Integer[np.ndarray, "h w 3"]) -> bool:
    """Return True if R = G = B everywhere."""
    return not (colors != colors[..., :1]).any()


def _mask(
    path: Path, *, raw: np.ndarray | None, alpha: bool, ids: np.ndarray | None, schema: Schema | None
) -> Mask | None:
    shown = raw if raw is not None else ids
    if shown is None:
        return None
    storage, values, palette = OTHER, {}, {}
    if raw is not None and raw.ndim == 3:
        storage = RGB_GREY if is_grey(raw) else RGB
        values = value_counts(raw[..., 0] if storage == RGB_GREY else packed_colors(raw))
    elif raw is not None:
        colors, values = read_palette(path), value_counts(raw)
        storage = GREY if colors is None else PALETTE
        if colors is not None:
            palette = {value: _color(colors[value]) for value in values if value < len(colors)}
    mask = Mask(storage, (shown.shape[0], shown.shape[1]), values, palette, alpha=alpha and storage == RGB)
    if ids is None or schema is None:
        return mask
    counts = occurrences(ids, length=schema.labels.ignore + 1)
    kept = counts[: len(schema.labels)]
    return replace(mask, counts=kept, ignored=int(counts[schema.labels.ignore]))


def _is_picture(mask: Path) -> bool:
    return mask.suffix.lower() in IMAGE_SUFFIXES and not mask.is_dir()


def _color(color: np.ndarray) -> Color:
    red, green, blue = color.tolist()
    return red, green, blue
