"""The answer of a layout: splits, what reads their masks, and what the folder says about classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from atrous.data.layouts.class_names import ClassList
from atrous.data.layouts.tree import Tree, listed
from atrous.data.pairs import Pair
from atrous.data.schema import Schema
from atrous.data.splits import Splits


@dataclass(frozen=True)
class Contents:
    """The files and classes that a layout found in a folder.

    Attributes:
        layout: Name of the layout, in words.
        splits: By name.
        schema: The classes, where the files state them; None where the masks must be looked at.
        classes: Names and colours of mask values, where a file beside the masks lists them.
        used: Further files that were read, below the root: lists, annotations, names of classes.
        notes: One line about each choice that was made, such as the rule of pairing.
        faults: Lines about files that do not fit, by kind: (kind, line).
        background: Pattern of pictures without a mask that are probably background; it only counts once it is declared.
        warnings: One line about each choice that names leave open and that changes the classes if it is wrong.
    """

    layout: str
    splits: Splits
    schema: Schema | None = None
    classes: ClassList | None = None
    used: frozenset[Path] = frozenset()
    notes: tuple[str, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()
    background: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The pairs of all splits."""
        return tuple(pair for part in self.splits.values() for pair in part.pairs)


def with_leftovers(contents: Contents, tree: Tree) -> Contents:
    """The contents, with notes about every file that is neither a sample nor named in one."""
    used = set(contents.used)
    for pair in contents.pairs:
        used |= {_below(pair.image, tree), _below(pair.mask, tree)}
        if pair.ignore is not None:
            used.add(_below(pair.ignore, tree))
    folders = {path for path in used if (tree.root / path).is_dir()}
    rest = [path for path in tree.files if path not in used and not folders & {*path.parents}]
    notes = [*contents.notes]
    if rest:
        notes.append(f"left out: {_count(rest)} that no sample uses ({listed(rest)})")
    if tree.system:
        notes.append(f"left out: {_count(tree.system)} of the system or hidden ({listed(tree.system)})")
    notes += [f"{path} is a link to a folder, which is not searched" for path in tree.links]
    return replace(contents, notes=tuple(notes))


def _below(path: Path, tree: Tree) -> Path:
    return path.relative_to(tree.root) if path.is_relative_to(tree.root) else path


def _count(paths: Sequence[Path]) -> str:
    return f"{len(paths)} file{'s' * (len(paths) != 1)}"
