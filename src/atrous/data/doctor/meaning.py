"""Proposed schemas: the meaning of masks that no schema declares."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Integer

from atrous.data.annotations.color_masks import packed_colors
from atrous.data.annotations.masks import NamingReader, read_values
from atrous.data.annotations.scan import named_schema, numbered_schema, proposed_schema
from atrous.data.complaints import Complaint, attempt
from atrous.data.doctor.examine import is_grey, value_counts
from atrous.data.formats.images import read_mask
from atrous.data.pairs import LabelReader, Pair
from atrous.data.published.camvid import CAMVID
from atrous.data.published.voc import VOID
from atrous.data.schema import Schema
from atrous.labels import ADE20K, CITYSCAPES, Color, LabelSpace

_MOST_COLORS = 64
"""More colours than this are a picture, or smoothed edges."""
_MOST_VALUES = 4096
"""Numbers of a mask that are looked at."""
_PALETTES = (CITYSCAPES, CAMVID, ADE20K)
"""Published palettes that give classes their names. VOC's is not among them: tools paint anybody's classes in it."""
_BLACK = (0, 0, 0)


@dataclass(frozen=True)
class MaskContent:
    """The distinct content of a mask: names, or numbers, or colours (packed as 0xRRGGBB)."""

    pair: Pair
    names: Set[str] | None = None
    values: tuple[int, ...] = ()
    colors: tuple[int, ...] = ()
    faults: tuple[Complaint, ...] = ()


@dataclass(frozen=True)
class Meaning:
    """A schema for the masks, and why training would not find it.

    Attributes:
        schema: The schema to read the masks by: found, or else proposed; None where nothing makes sense of them.
        found: True if training finds the same by itself.
        faults: Reasons why training does not.
    """

    schema: Schema | None
    found: bool
    faults: tuple[Complaint, ...]


def content_of(pair: Pair, read: LabelReader) -> MaskContent:
    """Read a mask as it is scanned where there is no schema."""
    faults: list[Complaint] = []
    if isinstance(read, NamingReader):
        names = attempt(lambda: read.names(pair), "unreadable mask", faults)
        if names is not None or faults:
            return MaskContent(pair, names=names, faults=tuple(faults))
    if pair.mask.suffix.lower() != ".mat":
        raw = attempt(lambda: read_mask(pair.mask), "unreadable mask", faults)
        if raw is None:
            return MaskContent(pair, faults=tuple(faults))
        if raw.ndim == 3 and not is_grey(raw):
            attempt(lambda: read_values(pair.mask), "colours without a schema", faults)
            return MaskContent(pair, colors=tuple(value_counts(packed_colors(raw))), faults=tuple(faults))
        return MaskContent(pair, values=_distinct(raw if raw.ndim == 2 else raw[..., 0]))
    values = attempt(lambda: read_values(pair.mask), "unreadable mask", faults)
    return MaskContent(pair, values=() if values is None else _distinct(values), faults=tuple(faults))


def meaning_of(folder: Path, contents: Sequence[MaskContent]) -> Meaning:
    """Propose a schema from the content of all masks.

    Args:
        folder: The data, for the message.
        contents: The content of every mask.
    """
    faults = [fault for content in contents for fault in content.faults]
    named = [content.names for content in contents if content.names is not None]
    numbered = {content.pair.mask: np.array(content.values) for content in contents if content.values}
    schema = None
    if named:
        mixed = [*named, None] if numbered else named
        schema = attempt(lambda: named_schema(folder, mixed), "schema", faults)
    elif numbered:
        schema = attempt(lambda: numbered_schema(folder, numbered), "schema", faults)
    if schema and not any(content.colors for content in contents):
        return Meaning(schema, True, tuple(faults))
    values = sorted({value for content in contents for value in content.values})
    colors = sorted({color for content in contents for color in content.colors})
    proposal = colored_schema(colors, values=values) if colors else proposed_schema(values)
    return Meaning(proposal, False, tuple(faults))


def colored_schema(colors: Iterable[int], *, values: Iterable[int] = ()) -> Schema | None:
    """Classes by colour: those of a published palette, or else one class per colour, named after it.

    Args:
        colors: As 0xRRGGBB.
        values: Greys of masks that have nothing else.

    Returns:
        None where there are too many, or too few.
    """
    found = {_unpacked(color) for color in colors} | {(value, value, value) for value in values if value < 256}
    for known in _PALETTES:
        classes = found & set(known.palette)
        if len(classes) >= 3 and found - classes <= {_BLACK}:
            return Schema(known, recolor={_BLACK: known.ignore} if found - classes else {})
    classes = sorted(found - {VOID})
    if not 2 <= len(classes) <= _MOST_COLORS:
        return None
    space = LabelSpace(tuple("#" + bytes(color).hex() for color in classes), palette=tuple(classes))
    return Schema(space, recolor={VOID: space.ignore} if VOID in found else {})


def _distinct(values: Integer[np.ndarray, "h w"]) -> tuple[int, ...]:
    """The values that occur; of a photo in place of a mask, the first of its thousands."""
    return tuple(np.flatnonzero(np.bincount(values.ravel()))[:_MOST_VALUES].tolist())


def _unpacked(color: int) -> Color:
    red, green, blue = color.to_bytes(3, "big")
    return red, green, blue
