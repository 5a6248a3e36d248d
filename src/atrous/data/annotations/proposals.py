"""Schemas for masks that have none: from a list of classes, from colours, from values that need a table."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from atrous.data.annotations.named_shapes import BACKGROUND
from atrous.data.layouts.class_names import ClassList, checked_names
from atrous.data.published.camvid import CAMVID
from atrous.data.published.voc import VOID
from atrous.data.schema import SCHEMA_FILE, Schema
from atrous.labels import ADE20K, CITYSCAPES, Color, LabelSpace

_IGNORE = 255
_MIDDLE, _NEAR = 128, 16
"""Smoothed edges are parted at the first; values nearer than the second to black or white count as such."""
_NEARLY_EVERY = 0.9
"""Share of masks of which 255 covers most, from which on they may be inverted."""
_PICTURE = 64
"""A mask with more different values than this is a picture."""
_STRAY = 1e-4
"""Share of pixels below which a value in a few masks is a stray."""
_MOST_COLORS = 64
"""More colours than this are a picture, or smoothed edges."""
_PALETTES = (CITYSCAPES, CAMVID, ADE20K)
"""Published palettes that give classes their names. VOC's is not among them: tools paint anybody's classes in it."""
_BLACK = (0, 0, 0)
_HUES = {
    "red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0), "cyan": (0, 255, 255),
    "magenta": (255, 0, 255), "white": (255, 255, 255), "grey": (128, 128, 128), "orange": (255, 165, 0),
    "purple": (128, 0, 128), "brown": (139, 69, 19), "pink": (255, 192, 203), "dark green": (0, 128, 0),
    "dark red": (128, 0, 0), "dark blue": (0, 0, 128), "olive": (128, 128, 0), "teal": (0, 128, 128),
}  # fmt: skip


@dataclass(frozen=True)
class ValueCounts:
    """Pixels and files of every value in masks.

    Attributes:
        pixels: Value, or colour as 0xRRGGBB -> pixels.
        files: Value -> masks that hold it.
        masks: Number of masks.
        typical: Number of different values in the median mask.
        mostly: Value -> masks of which it covers more than half.
    """

    pixels: Mapping[int, int]
    files: Mapping[int, int]
    masks: int
    typical: int
    mostly: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposal:
    """A schema for masks that have none, and lines about values that it ignores."""

    schema: Schema
    lines: tuple[str, ...]


def value_totals(masks: Iterable[Mapping[int, int]]) -> ValueCounts:
    """The sums over masks, each given as value -> pixels."""
    pixels, files, mostly = Counter[int](), Counter[int](), Counter[int]()
    sizes = []
    for mask in masks:
        pixels.update(mask)
        files.update(mask.keys())
        mostly.update(value for value, count in mask.items() if 2 * count > sum(mask.values()))
        sizes.append(len(mask))
    return ValueCounts(pixels, files, len(sizes), sorted(sizes)[len(sizes) // 2] if sizes else 0, mostly)


def listed_schema(classes: ClassList, *, values: Sequence[int], colors: Sequence[int]) -> Schema | None:
    """The schema by a list of classes; None where it does not fit the values or colours that masks hold.

    Args:
        classes: The list.
        values: Numbers of the masks that hold numbers, in order.
        colors: Colours of the others, as 0xRRGGBB.
    """
    names = checked_names(classes.names, path=classes.path)
    ignore = _IGNORE if len(names) < _IGNORE else 65535
    if colors:
        greys = {value * 0x10101 for value in values}
        known = {int.from_bytes(bytes(color), "big") for color in classes.colors}
        extra = {*colors, *greys} - known
        if not known or not extra <= {0xE0E0C0} or len(known) < len(names):
            return None
        return Schema(
            LabelSpace(names, palette=classes.colors, ignore=ignore),
            recolor=dict.fromkeys(map(_unpacked, sorted(extra)), ignore),
        )
    greys = {red: label for label, (red, green, blue) in enumerate(classes.colors) if red == green == blue}
    if len(greys) == len(names) and {*values} <= greys.keys() and not {*values} <= {*range(len(names))}:
        return Schema(LabelSpace(names, palette=classes.colors, ignore=ignore), remap=greys)  # black and white, in RGB
    kept = [value for value in values if value != ignore]
    palette = classes.colors if len(set(classes.colors)) == len(names) else ()
    stated = dict(zip(classes.values or range(len(names)), range(len(names)), strict=True))
    if classes.values and {*kept} - stated.keys() == {0} and BACKGROUND not in names:  # the list names objects alone
        names, palette = (BACKGROUND, *names), _with_black(palette)
        stated = {0: 0} | {value: label + 1 for value, label in stated.items()}
    if not set(kept) <= stated.keys():
        if classes.values or not set(kept) <= {*range(len(names) + 1)} or len(names) + 1 >= ignore:
            return None
        if 0 not in kept:
            remap = {label + 1: label for label in range(len(names))}
            return Schema(LabelSpace(names, palette=palette, ignore=ignore), remap=remap)
        if BACKGROUND in names:
            return None
        return Schema(
            LabelSpace(
                (BACKGROUND, *names),
                palette=_with_black(palette),
                ignore=ignore,
            )
        )
    if ignore in stated:  # a class of that value would count as ignored
        ignore = next(value for value in range(65535, 0, -1) if value not in stated)
    space = LabelSpace(names, palette=palette, ignore=ignore)
    return Schema(space, remap={} if [*stated] == [*range(len(names))] else stated)


def _with_black(palette: tuple[Color, ...]) -> tuple[Color, ...]:
    """The palette with black for a background before the others; none where another class is black."""
    return (_BLACK, *palette) if palette and _BLACK not in palette else ()


def with_listed_names(schema: Schema, classes: ClassList | None) -> Schema:
    """The schema of colours with the names of a list that has some of them; the others keep theirs."""
    known = {} if classes is None else dict(zip(classes.colors, classes.names, strict=False))
    labels = schema.labels
    names = tuple(known.get(color, name) for name, color in zip(labels.names, labels.palette, strict=True))
    return schema if len(set(names)) < len(names) else replace(schema, labels=replace(labels, names=names))


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
    space = LabelSpace(color_names(classes), palette=tuple(classes))
    return Schema(space, recolor={VOID: space.ignore} if VOID in found else {})


def is_published(schema: Schema) -> bool:
    """Return True if the classes are those of a published palette."""
    return any(schema.labels is known for known in _PALETTES)


def color_names(colors: Sequence[Color]) -> tuple[str, ...]:
    """A name for every colour: `background` for black, the word for a plain colour, otherwise `#rrggbb`."""
    words = {color: name for name, color in _HUES.items()} | {_BLACK: "background"}
    return tuple(words.get(color, "#" + bytes(color).hex()) for color in colors)


def proposed_schema(counts: ValueCounts) -> Proposal | None:
    """The schema that would make masks of these values usable; None where they do not look like class ids.

    No label is lost: a value becomes *ignore* only as a stray (few pixels of a few masks), or as 255 beside small ids.
    Two values are background and foreground; 0 and 255 with a few values between are smoothed edges, parted at 128;
    three greys are three classes.
    """
    values = sorted(counts.pixels)
    if len(values) < 2:
        return None
    if _is_smoothed(counts):
        space = LabelSpace(("background", "foreground"))
        return Proposal(Schema(space, threshold=_MIDDLE), ())
    if counts.typical > _PICTURE or values == list(range(256)):
        return None
    strays = [value for value in values if is_stray(counts, value)]
    kept = [value for value in values if value not in strays]
    if len(kept) < 2:
        strays, kept = [], values
    others = [value for value in kept if value != _IGNORE]
    ignored = _IGNORE in kept and len(others) > 1 and others[-1] < 2 * len(others) + 8
    ids = others if ignored else kept
    ignore = _IGNORE if len(ids) < _IGNORE else 65535
    remap = {value: label for label, value in enumerate(ids)} | dict.fromkeys(strays, ignore)
    lines = tuple(
        f"value {value} ({counts.pixels[value]} pixels in {counts.files[value]} of {counts.masks} masks) is taken for "
        "a stray and ignored; make it a class in [remap] if it is one"
        for value in strays
    )
    if kept == [0, _IGNORE] and counts.mostly.get(_IGNORE, 0) >= _NEARLY_EVERY * counts.masks:
        share = counts.pixels[_IGNORE] / sum(counts.pixels.values())
        lines += (
            f"value 255 covers most of {counts.mostly[_IGNORE]} of {counts.masks} masks ({share:.1%} of the pixels) "
            "and becomes the foreground; if the masks are inverted, write 0 = 1 and 255 = 0 in [remap]",
        )
    if ignored and 2 * counts.files[_IGNORE] > counts.masks:
        share = counts.pixels[_IGNORE] / sum(counts.pixels.values())
        where = f"{counts.files[_IGNORE]} of {counts.masks} masks"
        lines += (
            f"value 255 ({where}, {share:.1%} of the pixels) is ignored; make it a class in [remap] if it is one",
        )
    return Proposal(Schema(LabelSpace(_value_names(ids), ignore=ignore), remap=remap), lines)


def objects_schema() -> Schema:
    """Background, and foreground for every number of an object."""
    return Schema(LabelSpace(("background", "foreground")), threshold=1)


def proposal_line(folder: Path, counts: ValueCounts) -> str:
    """The schema that would make these masks usable, on one line."""
    values = sorted(counts.pixels)
    if len(values) == 1:
        return f"all masks hold nothing but {values[0]}: there is nothing to learn; correct the masks"
    proposal = proposed_schema(counts)
    if proposal is None:
        return f"{len(values)} different values look like a picture or smoothed edges, not class ids: correct the masks"
    schema = proposal.schema
    names = ", ".join(f'"{name}"' for name in schema.labels.names)
    table = ", ".join(f"{value} = {label}" for value, label in schema.remap.items())
    second = f"threshold = {schema.threshold}" if schema.threshold else f"remap = {{ {table} }}"
    return (
        f"let atrous doctor {folder} --fix write {folder / SCHEMA_FILE} with the two lines: classes = [{names}] and: "
        f"{second}"
    )


def _is_smoothed(counts: ValueCounts) -> bool:
    """Return True if masks are black and white with many greys of few pixels between."""
    total = sum(counts.pixels.values())
    ends = sum(count for value, count in counts.pixels.items() if value < _NEAR or value > _IGNORE - _NEAR)
    both = {0, _IGNORE} <= counts.pixels.keys() or ends > 0.95 * total
    inner = [value for value in counts.pixels if _NEAR <= value <= _IGNORE - _NEAR]
    low = any(value < _NEAR for value in counts.pixels)
    high = any(value > _IGNORE - _NEAR for value in counts.pixels)
    only_bytes = max(counts.pixels) <= _IGNORE
    return only_bytes and both and low and high and ends >= 0.8 * total and (len(inner) >= 8 or len(counts.pixels) > 8)


def is_stray(counts: ValueCounts, value: int) -> bool:
    """Return True if a value has few pixels, and these in few masks."""
    few_masks = counts.files[value] <= max(1, counts.masks // 100)
    return few_masks and counts.pixels[value] < _STRAY * sum(counts.pixels.values())


def _value_names(values: Sequence[int]) -> tuple[str, ...]:
    if len(values) == 2 and values[0] == 0:
        return ("background", "foreground")
    greys = {0: "background", 128: "grey", 127: "grey", 255: "white"}
    if values[-1] > 2 * len(values) + 8:
        return tuple(greys.get(value, f"grey {value}") for value in values)
    return tuple("background" if value == 0 else f"class {value}" for value in values)


def _unpacked(color: int) -> Color:
    red, green, blue = color.to_bytes(3, "big")
    return red, green, blue
