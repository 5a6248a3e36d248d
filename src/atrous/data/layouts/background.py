"""Pictures without a mask, of which some may show background only: good products beside those with defects.

Nothing is guessed. `background = "*/good/*"` under `[layout]` in `schema.toml` declares which of them are background,
`background = ""` that none is. Where folders are called good, ok or normal, or a table of labels has no row for some
pictures, `atrous doctor --fix` proposes the entry.
"""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from atrous.data.layouts.tree import Tree, listed
from atrous.data.layouts.words import IMAGE_WORDS, tokens
from atrous.data.schema import SCHEMA_FILE

_GOOD = frozenset(
    {
        "good", "ok", "okay", "normal", "normals", "clean", "healthy", "intact", "negative", "negatives", "neg",
        "defectfree", "nodefect", "nodefects", "faultless", "flawless", "undamaged", "uncracked", "noncrack",
        "noncracked", "nocrack", "nocracks", "background", "backgrounds", "gut", "io",
    }
)  # fmt: skip
"""Folders of pictures that show no defect; `gut` and `io` are German factories' words."""
PROBABLY_BACKGROUND = "background"
"""The kind of the fault about pictures that are probably background."""
EVERY = "*"
"""The pattern of all pictures."""
OR_BACKGROUND = (
    f', or write background = "{EVERY}" under [layout] in {SCHEMA_FILE} if pictures without a mask show nothing of the '
    'classes, background = "" to leave them out'
)
"""The end of the line about a picture without a mask: what declares that it is background, or is not used."""


@dataclass(frozen=True)
class Unmasked:
    """Pictures without a mask.

    Attributes:
        background: Those that `schema.toml` declares to be background.
        left_out: Those that it leaves out.
        good: Those whose folder says that they show no defect, where nothing is declared.
        other: All others.
    """

    background: tuple[Path, ...] = ()
    left_out: tuple[Path, ...] = ()
    good: tuple[Path, ...] = ()
    other: tuple[Path, ...] = ()


def sorted_unmasked(tree: Tree, pictures: Sequence[Path]) -> Unmasked:
    """Pictures without a mask by what is declared of them, or by the names of their folders."""
    if tree.background is None:
        good = tuple(picture for picture in pictures if good_folder(picture))
        return Unmasked(good=good, other=tuple(picture for picture in pictures if picture not in {*good}))
    if not tree.background:
        return Unmasked(left_out=tuple(pictures))
    fits = {picture: fnmatch.fnmatchcase(picture.as_posix(), tree.background) for picture in pictures}
    return Unmasked(
        background=tuple(picture for picture, fit in fits.items() if fit),
        other=tuple(picture for picture, fit in fits.items() if not fit),
    )


def good_folder(picture: Path) -> str:
    """The name of a picture's folder that says that it shows no defect; empty where none does."""
    return next((folder.name for folder in picture.parents if is_good(folder)), "")


def is_good(folder: Path) -> bool:
    """Return True if a folder's own name says that its pictures show no defect."""
    return _letters(folder.name) in _GOOD


def pattern_of(pictures: Sequence[Path], others: Sequence[Path]) -> str:
    """The pattern of some pictures that no other picture without a mask fits; every picture where there are no others.

    Empty where there is none.
    """
    names = {good_folder(picture) for picture in pictures}
    for name in names if len(names) == 1 else ():
        for pattern in (f"*/{name}/*", f"{name}/*"):
            if all(fnmatch.fnmatchcase(picture.as_posix(), pattern) for picture in pictures):
                return pattern
    return "" if others else EVERY


def proposal_line(tree: Tree, pictures: Sequence[Path], pattern: str, *, reason: str) -> str:
    """The line about pictures that are probably background, and what declares them so."""
    if not pattern or (tree.root / SCHEMA_FILE).exists():
        entry = f'background = "{pattern or "PATTERN"}"'
        remedy = f"write {entry} under [layout] in {SCHEMA_FILE}, which makes them background"
    else:
        remedy = f'atrous doctor {tree.root} --fix makes them background (background = "{pattern}" under [layout])'
    plural = "pictures have" if len(pictures) > 1 else "picture has"
    return (
        f"{tree.root}: {len(pictures)} {plural} no mask {reason} ({listed(pictures)}): {remedy}; "
        'background = "" leaves them out'
    )


def folder_reason(pictures: Sequence[Path]) -> str:
    """The reason that the names of folders give."""
    return f"and lie in folders called {', '.join(sorted({good_folder(picture) for picture in pictures}))}"


def background_notes(found: Unmasked) -> list[str]:
    """Lines about pictures that count as background by declaration, or are left out."""
    notes = []
    if found.background:
        notes.append(f"{len(found.background)} pictures without a mask are background ({listed(found.background)})")
    if found.left_out:
        notes.append(f"{len(found.left_out)} pictures without a mask are not used ({listed(found.left_out)})")
    return notes


def _letters(name: str) -> str:
    """The letters of a name without words for pictures: `NoDefect_images` says no defect."""
    return re.sub(r"\d", "", "".join(word for word in tokens(name) if word not in IMAGE_WORDS))
