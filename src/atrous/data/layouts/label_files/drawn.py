"""Splits of pictures whose labels are outlines or run lengths, from whatever file."""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from atrous.data.annotations.named_shapes import BACKGROUND, BACKGROUNDS, IGNORED
from atrous.data.annotations.outlines import Drawing, Drawings
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.lists import told_splits
from atrous.data.layouts.tree import Tree, folded, listed
from atrous.data.layouts.words import meaning, told_split
from atrous.data.pairs import Pair
from atrous.data.schema import Schema
from atrous.errors import InputError, reason
from atrous.labels import Color, LabelSpace

_OTHER_FORM = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, TypeError, ValueError, zlib.error
)  # fmt: skip
"""Raised where values of an annotation have other types than its format gives them."""


@dataclass(frozen=True)
class Drawn:
    """The labels of one picture.

    Attributes:
        image: The picture, below the root.
        source: The file that holds its labels, below the root.
        drawing: Its outlines.
        split: The split that the file tells; empty where it tells none.
    """

    image: Path
    source: Path
    drawing: Drawing
    split: str = ""


class DrawnPictures:
    """The pictures of a format with their outlines, and a line for each that cannot be read.

    Args:
        tree: The files.

    Attributes:
        drawn: Pictures and their outlines.
        faults: Lines about what does not fit: (kind, line).
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.drawn: list[Drawn] = []
        self.faults: list[tuple[str, str]] = []

    def add(
        self,
        image: Path | None,
        source: Path,
        read: Callable[[], Drawing],
        *,
        written: str = "",
        split: str = "",
    ) -> None:
        """Add a picture.

        Args:
            image: The picture; None where it is missing.
            source: The file that holds its labels, below the root.
            read: Reads its outlines. What it raises for content of another form becomes a line.
            written: The picture as the file names it; empty where the file belongs to one picture.
            split: Its split; empty where none is stated.
        """
        path = self._tree.root / source
        if image is None and written:
            self.faults.append(("missing file", f"{path}: no picture {written!r:.200}; add it or take it out"))
        elif image is None:
            self.faults.append(("no image", f"no image for {path}; add it or move the file away"))
        else:
            try:
                self.drawn.append(Drawn(image, source, read(), split))
            except InputError as error:
                self._unreadable(path, written, str(error))
            except _OTHER_FORM as error:
                self._unreadable(
                    path, written, f"not of the form that is read ({type(error).__name__}: {reason(error)})"
                )

    def _unreadable(self, path: Path, written: str, line: str) -> None:
        where = f"{path}: {written!r:.200}" if written else str(path)
        self.faults.append(("unreadable mask", f"{where}: {line:.300}; correct it or take it out"))


def drawn_contents(
    tree: Tree,
    layout: str,
    drawn: Sequence[Drawn],
    *,
    names: Sequence[str] = (),
    colors: Mapping[str, Color] | None = None,
    background: bool = True,
    used: Sequence[Path] = (),
    notes: Sequence[str] = (),
    faults: Sequence[tuple[str, str]] = (),
) -> Contents | None:
    """The contents of pictures with drawings; None where there is none.

    Args:
        tree: The files.
        layout: Name of the layout.
        drawn: Every picture.
        names: Classes in the order in which the format lists them; none: the names that occur, in alphabetical order.
        colors: Colours of some classes.
        background: False where pixels under no outline are ignored.
        used: Further files that were read.
        notes: Lines about choices.
        faults: Lines about what does not fit: (kind, line).
    """
    if not drawn:
        return None
    once: dict[Path, Drawn] = {}
    doubled = []
    for one in drawn:
        if one.image in once:
            doubled.append(one.image)
        once.setdefault(one.image, one)
    keys = sample_names([*once])
    reader = Drawings({keys[image]: one.drawing for image, one in once.items()})
    pairs = {image: Pair(keys[image], tree.root / image, tree.root / one.source) for image, one in once.items()}
    splits = {image: one.split or split_of_folders(image) for image, one in once.items()}
    parts, extra, more = told_splits(tree, pairs, splits, read=reader, rule=_rule)
    wrong = [*faults, *more]
    occurring = {name for one in once.values() for name, _ in one.drawing.shapes}
    space = named_space(names or sorted(occurring), colors=colors, background=background)
    lines = [*notes, f"{len(once)} pictures with outlines ({layout})", *_skipped(once)]
    if doubled:
        lines.append(f"labelled twice, the first counts: {listed(doubled)}")
    wrong += [("classes", f"{tree.root}: no outline has a name, so there is nothing to learn")] * (len(space) < 1)
    return Contents(layout, parts, Schema(space), used=extra | set(used), notes=tuple(lines), faults=tuple(wrong))


def named_space(
    names: Sequence[str], *, colors: Mapping[str, Color] | None = None, background: bool = True
) -> LabelSpace:
    """Background and the names in their order; without background where the names have one, or none is wanted."""
    kept = [name for name in dict.fromkeys(names) if name not in (*BACKGROUNDS, IGNORED)]
    named = [name for name in names if name in BACKGROUNDS]
    classes = (BACKGROUND, *kept) if background or named else tuple(kept)
    known = {BACKGROUND: (0, 0, 0), **(colors or {})}
    palette = tuple(known[name] for name in classes) if colors and all(name in known for name in classes) else ()
    return LabelSpace(classes, palette=palette, ignore=255 if len(classes) < 256 else 65535)


def hex_color(text: object) -> Color:
    """The colour that `#rrggbb` spells; black for anything else."""
    digits = str(text).removeprefix("#")
    red, green, blue = bytes.fromhex(digits) if re.fullmatch("[0-9a-fA-F]{6}", digits) else (0, 0, 0)
    return red, green, blue


def split_of_folders(path: Path) -> str:
    """The split that a folder of a path tells; empty where none does."""
    return told_split([meaning(part) for part in path.parent.parts])


def _rule(split: str) -> str:
    return f"folders of {split}" if split else "all pictures"


def sample_names(images: Sequence[Path]) -> dict[Path, str]:
    """Names of samples: the path without folders that only say picture or split, or all of it where names repeat."""
    short = {
        image: "/".join([*(part for part in image.parent.parts if not meaning(part).whole), image.stem])
        for image in images
    }
    if len({folded(name) for name in short.values()}) == len(short):
        return short
    whole = {image: image.with_suffix("").as_posix() for image in images}
    if len({folded(name) for name in whole.values()}) == len(whole):
        return whole
    return {image: image.as_posix() for image in images}


def _skipped(drawn: Mapping[Path, Drawn]) -> list[str]:
    counts: dict[str, int] = {}
    where: dict[str, list[Path]] = {}
    for one in drawn.values():
        for kind, count in (one.drawing.skipped or {}).items():
            counts[kind] = counts.get(kind, 0) + count
            where.setdefault(kind, []).append(one.source)
    return [
        f"left out: {count} x {kind}, which outline no object ({listed(list(dict.fromkeys(where[kind])))})"
        for kind, count in counts.items()
    ]
