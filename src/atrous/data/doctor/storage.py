"""Checks of how files are stored: masks of several kinds, palettes that disagree, pictures of other bands."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from atrous.data.doctor.examine import PALETTE, RGB_GREY, Examined
from atrous.data.doctor.finding import Finding, error, note, warning
from atrous.data.formats.images import IMAGE_SUFFIXES, orientation
from atrous.data.formats.tiff import deep_range
from atrous.data.formats.value_range import Ranges
from atrous.data.schema import hex_color
from atrous.errors import InputError
from atrous.labels import Color

_DEEP_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
_USED = 0.25
"""Pictures whose largest value is below this share of 16 bits are reported."""


def check_storage(path: Path, examined: Sequence[Examined]) -> Iterator[Finding]:
    """Report masks that are not stored as plain grey numbers, or in several ways."""
    kinds: dict[str, list[Path]] = defaultdict(list)
    for one in examined:
        if one.mask is not None and one.pair.has_mask:
            kinds[one.mask.storage].append(one.pair.mask)
    if len(kinds) > 1:
        listed = ", ".join(f"{len(files)} {kind} (such as {files[0].name})" for kind, files in kinds.items())
        yield note(
            "several kinds of masks", f"{path}: masks are stored in several ways: {listed}; check that all were meant"
        )
    if files := kinds.get(RGB_GREY):
        yield note(
            "greys stored as RGB",
            f"{files[0]}{_others(files)}: RGB with R = G = B counts by number; 8-bit grey would be smaller",
        )
    if files := kinds.get(PALETTE):
        yield note(
            "palette",
            f"{files[0]}{_others(files)}: palette masks count by index, not by colour; check the names of the classes",
        )
    if files := [one.pair.mask for one in examined if one.mask is not None and one.mask.alpha]:
        yield note(
            "alpha",
            f"{files[0]}{_others(files)}: RGBA with alpha 255 everywhere, read as RGB: the colours are the classes",
        )
    yield from _palettes(examined)


def check_range(examined: Sequence[Examined], *, declared: Ranges) -> Iterator[Finding]:
    """Warn where all pictures of 16 bits use a small part of them and no range is declared: they are nearly black."""
    if declared:
        return
    ranges: dict[Path, tuple[int, int]] = {}
    for one in examined:
        if one.size is not None and one.pair.image.suffix.lower() in _DEEP_SUFFIXES:
            try:
                found = deep_range(one.pair.image)
            except InputError:  # reported as an unreadable picture, or its reader is missing
                continue
            if found is not None:
                ranges[one.pair.image] = found
    if not ranges:
        return
    low, high = min(low for low, _ in ranges.values()), max(high for _, high in ranges.values())
    if high < _USED * 65535:
        first = next(iter(ranges))
        yield warning(
            "narrow range",
            f"{first}{_others([*ranges])}: the values of these 16-bit pictures are {low} to {high}, "
            f"{high / 65535:.0%} of the range, and become {high // 257 + 1} of 256 levels; "
            f"declare what is black and white in schema.toml: [picture] with range = [{low}, {high}] below it, or what "
            "the camera's range is (such as [0, 4095]); training, evaluation and prediction then use it",
        )


def check_orientation(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Warn where a picture is turned by its EXIF tag, its mask is not, and their sizes do not tell who is right."""
    turned: list[Path] = []
    for one in examined:
        images = one.pair.image.suffix.lower() in IMAGE_SUFFIXES and one.pair.mask.suffix.lower() in IMAGE_SUFFIXES
        if not images or one.size is None or one.mask is None:
            continue
        try:
            tag = orientation(one.pair.image)
            size_decides = tag > 4 and one.size[0] != one.size[1]
            if tag > 1 and not size_decides and orientation(one.pair.mask) == 1:
                turned.append(one.pair.image)
        except InputError:  # a TIFF that Pillow cannot open has been read by another reader
            continue
    if turned:
        yield warning(
            "orientation",
            f"{turned[0]}{_others(turned)}: an EXIF tag turns the picture, but not its mask, and both have one size; "
            "look at the page of --html, and remove the tag if the mask was drawn on the picture as it is stored",
        )


def _palettes(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Masks that were saved each with a palette of its own: the same index is not the same thing."""
    first: dict[int, tuple[Color, Path]] = {}
    for one in examined:
        for value, color in one.mask.palette.items() if one.mask else ():
            known, where = first.setdefault(value, (color, one.pair.mask))
            if known != color:
                yield warning(
                    "palettes disagree",
                    f"{one.pair.mask} paints value {value} {hex_color(color)}, but {where} {hex_color(known)}; if the "
                    "colours tell the classes, save these masks as RGB and list the colours in colors",
                )
                break


def check_bands(examined: Sequence[Examined]) -> Iterator[Finding]:
    """Pictures that have other channels than most: one network takes one number of them."""
    channels = Counter(one.size[2] for one in examined if one.size)
    most = max(channels, key=channels.__getitem__, default=0)
    for one in examined:
        if one.size and one.size[2] != most:
            yield error(
                "other bands",
                f"{one.pair.image} has {one.size[2]} channels, {channels[most]} other pictures have {most}; "
                "save it with as many, or leave it out",
            )


def _others(files: Sequence[Path]) -> str:
    return f" and {len(files) - 1} more" if len(files) > 1 else ""
