"""Proposed schemas: the meaning of masks that no schema declares."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from atrous.data.annotations.color_masks import MOST_VALUES, packed_colors, value_counts
from atrous.data.annotations.masks import ARRAY_SUFFIXES, NamingReader, read_values
from atrous.data.annotations.numbered_objects import are_objects
from atrous.data.annotations.proposals import Proposal, colored_schema, objects_schema, proposed_schema, value_totals
from atrous.data.annotations.scan import mask_schema, named_schema
from atrous.data.annotations.smoothed_colors import are_smoothed
from atrous.data.annotations.stray_colors import stray_colors
from atrous.data.complaints import Complaint, attempt
from atrous.data.doctor.examine import is_grey
from atrous.data.formats.images import read_mask
from atrous.data.formats.tiff import upright_picture_size
from atrous.data.layouts.class_names import ClassList
from atrous.data.pairs import LabelReader, Pair, check_stored_size
from atrous.data.schema import Schema


@dataclass(frozen=True)
class MaskContent:
    """The content of a mask: names, or the pixels of every number, or of every colour (as 0xRRGGBB)."""

    pair: Pair
    names: Set[str] | None = None
    values: Mapping[int, int] = field(default_factory=dict)
    colors: Mapping[int, int] = field(default_factory=dict)
    faults: tuple[Complaint, ...] = ()


@dataclass(frozen=True)
class Meaning:
    """A schema for the masks, and why training would not find it.

    Attributes:
        schema: The schema to read the masks by: found, or else proposed; None where nothing makes sense of them.
        found: True if training finds the same by itself.
        faults: The reasons that keep training from that.
        colors: Number of colours that became classes; 0 where numbers or names did.
        lines: Lines about values that a proposed schema ignores.
        smoothed: True where most colours of the masks are those of smoothed edges.
    """

    schema: Schema | None
    found: bool
    faults: tuple[Complaint, ...]
    colors: int = 0
    lines: tuple[str, ...] = ()
    smoothed: bool = False


def content_of(pair: Pair, read: LabelReader) -> MaskContent:
    """Read a mask as it is scanned where there is no schema."""
    faults: list[Complaint] = []
    if isinstance(read, NamingReader):
        names = attempt(lambda: read.names(pair), "unreadable mask", faults)
        if names is not None or faults:
            return MaskContent(pair, names=names, faults=tuple(faults))
    if not pair.has_mask:
        size = attempt(lambda: upright_picture_size(pair.image), "unreadable picture", faults)
        return MaskContent(pair, values={0: size[0] * size[1]} if size else {}, faults=tuple(faults))
    attempt(lambda: check_stored_size(pair), "size", faults)
    if faults:
        return MaskContent(pair, faults=tuple(faults))
    if pair.mask.suffix.lower() not in ARRAY_SUFFIXES:
        raw = attempt(lambda: read_mask(pair.mask), "unreadable mask", faults)
        if raw is None:
            return MaskContent(pair, faults=tuple(faults))
        if raw.ndim == 3 and not is_grey(raw):
            return MaskContent(pair, colors=value_counts(packed_colors(raw), most=MOST_VALUES), faults=tuple(faults))
        return MaskContent(pair, values=value_counts(raw if raw.ndim == 2 else raw[..., 0], most=MOST_VALUES))
    values = attempt(lambda: read_values(pair.mask), "unreadable mask", faults)
    return MaskContent(
        pair, values={} if values is None else value_counts(values, most=MOST_VALUES), faults=tuple(faults)
    )


def meaning_of(folder: Path, contents: Sequence[MaskContent], *, classes: ClassList | None = None) -> Meaning:
    """Propose a schema from the content of all masks.

    Args:
        folder: The data, for the message.
        contents: The content of every mask.
        classes: Names, values and colours as a file beside the masks lists them.
    """
    faults = [fault for content in contents for fault in content.faults]
    named = [content.names for content in contents if content.names is not None]
    colored = {content.pair.mask: content.colors for content in contents if content.colors}
    numbered = {content.pair.mask: content.values for content in contents if content.values}
    schema = None
    if named:
        mixed = [*named, None] if numbered or colored else named
        schema = attempt(lambda: named_schema(folder, mixed), "schema", faults)
    elif numbered or colored:
        schema = attempt(lambda: mask_schema(folder, numbered, colored, classes=classes), "schema", faults)
    if schema:
        named_colors = {color for content in contents for color in content.colors} if classes is None else ()
        return Meaning(schema, True, tuple(faults), colors=len(named_colors))
    pixels = value_totals(content.colors for content in contents).pixels
    proposal = None if are_smoothed(pixels) else _proposal(contents)
    # Where no schema has so many colours, as of photos, comparing each with every two others would take hours.
    if proposal and colored and stray_colors(colored):
        proposal = None
    return Meaning(
        proposal.schema if proposal else None,
        False,
        tuple(faults),
        lines=proposal.lines if proposal else (),
        smoothed=bool(pixels) and proposal is None,
    )


def _proposal(contents: Sequence[MaskContent]) -> Proposal | None:
    """A schema by the colours of the masks, or by their numbers where they have no colours."""
    values = sorted({value for content in contents for value in content.values})
    colors = sorted({color for content in contents for color in content.colors})
    if not colors and are_objects({content.pair.mask: content.values for content in contents if content.values}):
        return Proposal(objects_schema(), ())
    if not colors:
        return proposed_schema(value_totals(content.values for content in contents if content.values))
    schema = colored_schema(colors, values=values)
    return Proposal(schema, ()) if schema else None
