"""The label space that masks show where there is no schema: their values, colours, or the names that they use."""

import math
import os
from collections.abc import Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from atrous.data.annotations.color_masks import MOST_VALUES, packed_colors, value_counts
from atrous.data.annotations.masks import NamingReader, read_numbers_or_colors, read_values
from atrous.data.annotations.named_shapes import proposed_labels
from atrous.data.annotations.numbered_objects import are_objects
from atrous.data.annotations.proposals import (
    colored_schema,
    is_published,
    listed_schema,
    proposal_line,
    value_totals,
    with_listed_names,
)
from atrous.data.annotations.smoothed_colors import are_smoothed
from atrous.data.annotations.stray_colors import stray_colors
from atrous.data.formats.tiff import upright_picture_size
from atrous.data.layouts.class_names import ClassList
from atrous.data.pairs import Pair
from atrous.data.schema import SCHEMA_FILE, Schema, count_values
from atrous.errors import InputError
from atrous.labels import LabelSpace

_IGNORE = 255
_SHIFTS = {"R": 16, "G": 8, "B": 0}
"""Channel -> place of its 8 bits in a colour as one number."""
_DARK = 64
"""No palette in use has red, green or blue alone that are darker."""


def scan(folder: Path, pairs: Sequence[tuple[Pair, NamingReader]], *, classes: ClassList | None = None) -> Schema:
    """The label space that all masks together show.

    Masks with names: background and the names, in alphabetical order. Masks with numbers: 0..n-1, and 255 for ignore.
    Masks with colours: one class for each colour. A list of classes gives values and colours their names.

    Args:
        folder: The data, for the message.
        pairs: Every pair with the reader of its mask.
        classes: Names, values and colours as a file beside the masks lists them.

    Raises:
        InputError: If the masks hold other numbers or too many colours, or some hold names and others numbers; the line
            proposes a schema.
    """
    if not pairs:
        raise InputError(f"{folder} has no picture with a mask; there is nothing to learn")
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        names = list(pool.map(lambda item: item[1].names(item[0]), pairs))
        if any(found is not None for found in names):
            return named_schema(folder, names)
        shown = list(pool.map(lambda item: _counted(item[0]), pairs))
    masks = [pair.mask for pair, _ in pairs]
    numbers = {mask: found for mask, (found, is_color) in zip(masks, shown, strict=True) if not is_color}
    colors = {mask: found for mask, (found, is_color) in zip(masks, shown, strict=True) if is_color}
    return mask_schema(folder, numbers, colors, classes=classes)


def mask_schema(
    folder: Path,
    numbers: Mapping[Path, Mapping[int, int]],
    colors: Mapping[Path, Mapping[int, int]],
    *,
    classes: ClassList | None = None,
) -> Schema:
    """The schema of masks that are pictures: by the list of classes where it fits, otherwise by what they show.

    Args:
        folder: The data, for the message.
        numbers: Value -> pixels, of every mask of numbers.
        colors: Colour as 0xRRGGBB -> pixels, of every other mask.
        classes: Names, values and colours as a file beside the masks lists them.

    Raises:
        InputError: As `scan`.
    """
    values = sorted({value for found in numbers.values() for value in found})
    packed = sorted({color for found in colors.values() for color in found})
    if classes is not None and (schema := listed_schema(classes, values=values, colors=packed)):
        return schema
    if not packed:
        return numbered_schema(folder, numbers)
    path = next(iter(colors))
    if channel := _numbered_channel(packed):
        raise InputError(
            f"{path} and others hold numbers in the channel {channel} alone (0 to {max(packed) >> _SHIFTS[channel]}), "
            f'which looks black: save it as 8-bit grey PNG (Pillow: image.getchannel("{channel}").save(path)), or list '
            f"the colors in {SCHEMA_FILE}"
        )
    if are_smoothed(value_totals(colors.values()).pixels):
        raise InputError(
            f"{path} is a colour picture with smoothed edges, and all masks have {len(packed)} colours, most of them "
            f"mixed of a few: atrous doctor {folder} --fix writes masks without them to masks_fixed"
        )
    schema = colored_schema(packed, values=values)
    strays = {} if schema is None or is_published(schema) else stray_colors(colors)
    if strays:
        color, path = next(iter(strays.items()))
        count = sum(found.get(color, 0) for found in colors.values())
        more = f" and {len(strays) - 1} more such colours" * (len(strays) > 1)
        raise InputError(
            f"{path}: #{color:06x} ({count} pixel{'s' * (count != 1)}){more}, as edges and compression make them, "
            f"beside {len(packed) - len(strays)} colours that fill areas: atrous doctor {folder} --fix writes masks "
            f"without them to masks_fixed, or list all colours that are classes in {SCHEMA_FILE}"
        )
    if schema:
        return schema if is_published(schema) else with_listed_names(schema, classes)
    raise InputError(
        f"{path} is a colour picture, and all masks have {len(packed)} colours: too many for classes; save masks as "
        f"8-bit grey or palette PNG whose pixel values are the class ids, or list the colors in {SCHEMA_FILE}"
    )


def _numbered_channel(packed: Sequence[int]) -> str:
    """The channel that holds numbers where both others are 0 in all colours; empty where colours may be classes."""
    for channel, shift in _SHIFTS.items():
        values = [color >> shift for color in packed if color == (color >> shift & 255) << shift]
        numbers = [value for value in values if value != _IGNORE]
        if len(values) == len(packed) and len(numbers) > 1 and max(numbers) < _DARK:
            return channel
    return ""


def numbered_schema(folder: Path, masks: Mapping[Path, Mapping[int, int]]) -> Schema:
    """The schema that the values of all masks show together; raises InputError as `scan`."""
    counts = value_totals(masks.values())
    values = sorted(counts.pixels)
    if are_objects(masks):
        raise InputError(
            f"{next(iter(masks))}: masks number their objects (1 to {max(values)}, as many as each has) and name no "
            f'classes; write {folder / SCHEMA_FILE} with the two lines: classes = ["background", "foreground"] and: '
            f"threshold = 1, or with the names of {len(values)} classes if the numbers are classes"
        )
    ids = [value for value in values if value != _IGNORE]
    if len(ids) > 1 and ids == list(range(len(ids))) and values != list(range(256)):
        return Schema(LabelSpace.unnamed(len(ids)))
    suspects = range(len(ids)) if len(ids) > 1 else range(1)
    path = next((path for path, found in masks.items() if not found.keys() <= {*suspects}), next(iter(masks)))
    raise InputError(
        f"{path} has {count_values(read_values(path))}; without {SCHEMA_FILE} masks hold 0..n-1 for two "
        f"classes or more, and {_IGNORE} for ignore; {proposal_line(folder, counts)}"
    )


def named_schema(folder: Path, names: Sequence[Set[str] | None]) -> Schema:
    """The schema that the names in all masks show together; raises InputError as `scan`."""
    if None in names:
        raise InputError(
            f"{folder} has names in some masks and numbers in others; write {folder / SCHEMA_FILE} with the classes"
        )
    found = proposed_labels(name for mask in names if mask for name in mask)
    if len(found) < 2:
        raise InputError(f"the masks of {folder} name no class; there is nothing to learn: draw some shapes")
    return Schema(found)


def _counted(pair: Pair) -> tuple[dict[int, int], bool]:
    """The pixels of every value or packed colour of a mask, and True for colours; 0 where a picture has none."""
    if not pair.has_mask:
        return {0: math.prod(upright_picture_size(pair.image))}, False
    found = read_numbers_or_colors(pair.mask)
    return (
        (value_counts(found, most=MOST_VALUES), False)
        if found.ndim == 2
        else (value_counts(packed_colors(found), most=MOST_VALUES), True)
    )
