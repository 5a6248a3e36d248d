"""Checks of how files are stored: masks of several kinds, palettes that disagree, pictures of other bands."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from atrous.data.doctor.examine import PALETTE, RGB_GREY, Examined
from atrous.data.doctor.finding import Finding, error, note, warning
from atrous.data.schema import hex_color
from atrous.labels import Color


def check_storage(path: Path, examined: Sequence[Examined]) -> Iterator[Finding]:
    """Report masks that are not stored as plain grey numbers, or in several ways."""
    kinds: dict[str, list[Path]] = defaultdict(list)
    for one in examined:
        if one.mask is not None:
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
    yield from _palettes(examined)


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
