"""The table `[layout]` of a `schema.toml`: where pictures and masks lie, for folders that no rule fits.

    [layout]
    images = "images/{name}_image.png"          # {name} stands for any text without a slash
    masks = "annotations/{name}_annotation.png"
    ignore = "mask/{name}_mask.gif"             # optional: pixels that are 0 in it are ignored
    skip = "*_depth.png"                        # optional: files that are none of these
    train = "train/*"                           # optional: names of each split by pattern, or the list that holds them
    val = "lists/val.txt"
    background = "*/good/*"                     # optional: pictures that are background where they have no mask

Without entries for splits, folders or lists tell them as they do without a table.
`background` and the splits also stand alone, beside pictures and masks that are found by themselves.
`pair = "order"` alone pairs pictures and masks by their order, for tools whose names tell nothing.

`{folder}` stands for any number of folders, `*` for any text without a slash; a part that stands twice must be the same
text. `masks_fixed` is where `atrous doctor --fix` writes masks without smoothed edges.
"""

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from atrous.data.annotations.masks import MaskFiles, NamingReader
from atrous.data.layouts.background import OR_BACKGROUND, background_notes, sorted_unmasked
from atrous.data.layouts.contents import Contents
from atrous.data.layouts.lists import ordered, told_splits
from atrous.data.layouts.tree import Tree, listed, look
from atrous.data.layouts.words import folder_words, short_words, told_split
from atrous.data.pairs import Pair
from atrous.data.schema import SCHEMA_FILE, read_table
from atrous.data.splits import Part, Splits
from atrous.errors import InputError

FIXED = "masks_fixed"
"""The folder of masks that `atrous doctor --fix` writes."""
SPLIT_KEYS = ("val", "test", "train")
_ALONE = {"pair", "background", *SPLIT_KEYS}
_KEYS = ("pair", "images", "masks", "ignore", "skip", "background", *SPLIT_KEYS)
_LISTS = (".txt", ".lst", ".csv")


def read_layout(folder: Path) -> Mapping[str, str]:
    """The table `[layout]` of a folder's `schema.toml`; empty where there is none.

    Raises:
        InputError: If the file cannot be read, or the table has other keys or lacks pictures or masks.
    """
    path = folder / SCHEMA_FILE
    table = read_table(path).get("layout", {}) if path.exists() else {}
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise InputError(f'{path}: layout: give a table of patterns such as images = "images/{{name}}.jpg"')
    if unknown := sorted(table.keys() - set(_KEYS)):
        raise InputError(f"{path}: layout: unknown key {unknown[0]!r}; known keys are {', '.join(_KEYS)}")
    if table.keys() <= _ALONE and table.get("pair", "order") == "order":
        return table
    if not {"images", "masks"} <= table.keys():
        raise InputError(f"{path}: layout: give the patterns of both images and masks")
    for key in ("images", "masks", "ignore"):
        if key in table and "{name}" not in table[key]:
            raise InputError(f"{path}: layout: {key} = {table[key]!r:.200} has no {{name}}; say where the name stands")
    return table


def by_patterns(tree: Tree, table: Mapping[str, str]) -> Contents:
    """The pairs that the table says; faults name pictures without a mask."""
    files = tuple(path for path in tree.files if "skip" not in table or not _is_skipped(path, table["skip"]))
    if any(pattern.startswith(f"{FIXED}/") for pattern in table.values()):
        fixed = look(tree.root / FIXED) if (tree.root / FIXED).is_dir() else None
        files = (*files, *(Path(FIXED, path) for path in (fixed.files if fixed else ())))
    found = {key: matches(files, table[key]) for key in ("images", "masks", "ignore") if key in table}
    images, masks = found["images"], found["masks"]
    ignore, among_masks = found.get("ignore", {}), {*masks.values()}
    alone = [path for key, path in images.items() if key not in masks and path not in among_masks]
    unmasked = sorted_unmasked(tree, alone)
    alone = [path for path in alone if path not in {*unmasked.background, *unmasked.left_out}]
    labelled = {path.parent for key, path in images.items() if key in masks}
    faults = [
        (
            "no mask",
            f"no mask for {path} in {tree.root} by the pattern {table['masks']!r}; add it or change "
            f"[layout]{OR_BACKGROUND}",
        )
        for path in alone
        if path.parent in labelled or not labelled
    ]
    if not images:
        faults.append(("layout", f"{tree.root / SCHEMA_FILE}: no file fits images = {table['images']!r}; correct it"))
    pairs = [
        Pair(
            name="/".join(part for part in key if part),
            image=tree.root / path,
            mask=tree.root / masks.get(key, path),
            ignore=tree.root / ignore[key] if key in ignore else None,
        )
        for key, path in images.items()
        if key in masks or path in {*unmasked.background}
    ]
    notes = [f"{sum(pair.has_mask for pair in pairs)} pictures pair by [layout] of {SCHEMA_FILE}"]
    notes += background_notes(unmasked)
    if rest := [path for path in alone if labelled and path.parent not in labelled]:
        notes.append(f"{len(rest)} pictures of folders without masks are not used ({listed(rest)})")
    if {*SPLIT_KEYS} & table.keys():
        splits, used = split_by_patterns(tree, table, pairs, read=MaskFiles()), lists_of(table)
    else:
        splits, used, wrong = _told_by_folders(tree, pairs)
        faults += wrong
    return Contents("[layout]", splits, used=used, notes=tuple(notes), faults=tuple(faults))


def _told_by_folders(tree: Tree, pairs: Sequence[Pair]) -> tuple[Splits, frozenset[Path], tuple[tuple[str, str], ...]]:
    """The splits where the table names none: those of folders or else of lists, as without a table."""
    by_image = {pair.image.relative_to(tree.root): pair for pair in pairs}
    words = folder_words(by_image, short_words(by_image))
    told = {image: told_split([words[folder] for folder in (*image.parents,)[-2::-1]]) for image in by_image}
    rule = _rule_of_folders if any(told.values()) else lambda _: "all pairs"
    return told_splits(tree, by_image, told, read=MaskFiles(), rule=rule)


def _rule_of_folders(split: str) -> str:
    return f"folders of {split}" if split else "pictures in no folder of a split"


def split_by_patterns(tree: Tree, table: Mapping[str, str], pairs: Sequence[Pair], *, read: NamingReader) -> Splits:
    """The splits by their patterns or lists; where `train` has no pattern, it is what no other pattern fits."""
    rules = {name: _rule(tree, table[name]) for name in SPLIT_KEYS if name in table}
    chosen: dict[str, list[Pair]] = {}
    for pair in pairs:
        names = (pair.name, pair.image.name, pair.image.relative_to(tree.root).as_posix())
        split = next((name for name, fits in rules.items() if any(map(fits, names))), "")
        chosen.setdefault(split, []).append(pair)
    parts = {
        split: Part(tuple(some), read, f"{split} = {table[split]!r}" if split else "all other pairs")
        for split, some in chosen.items()
    }
    if "train" in table and len(parts) > 1:
        parts.pop("", None)
    return ordered(parts)


def lists_of(table: Mapping[str, str]) -> frozenset[Path]:
    """The lists of splits that a table names."""
    return frozenset(Path(value) for key, value in table.items() if key in SPLIT_KEYS and value.endswith(_LISTS))


def _rule(tree: Tree, pattern: str) -> Callable[[str], bool]:
    """A test of names and paths: those of a split are in its list, or fit its pattern."""
    if not pattern.endswith(_LISTS):
        return partial(_fits, pattern=pattern)
    try:
        text = (tree.root / pattern).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{tree.root / SCHEMA_FILE}: layout: cannot read the list {pattern!r}") from error
    return {line.strip() for line in text.splitlines()}.__contains__


def _fits(path: str, *, pattern: str) -> bool:
    return fnmatch.fnmatchcase(path, pattern)


def _is_skipped(path: Path, pattern: str) -> bool:
    return fnmatch.fnmatchcase(path.as_posix(), pattern) or fnmatch.fnmatchcase(path.name, pattern)


def matches(files: tuple[Path, ...], pattern: str) -> dict[tuple[str, str], Path]:
    """Folders and name -> file, for the files that a pattern fits."""
    parts = re.split(r"(\{name\}|\{folder\}/|\{folder\}|\*)", pattern)
    seen: set[str] = set()
    expression = ""
    for part in parts:
        if part in ("{name}", "{folder}", "{folder}/"):
            key = part.strip("{}/")
            body = "[^/]+" if key == "name" else ".+"
            named = f"(?P={key})" if key in seen else f"(?P<{key}>{body})"
            expression += f"(?:{named}/)?" if part.endswith("/") else named
            seen.add(key)
        else:
            expression += "[^/]*" if part == "*" else re.escape(part)
    compiled = re.compile(expression)
    found: dict[tuple[str, str], Path] = {}
    for path in files:
        if match := compiled.fullmatch(path.as_posix()):
            groups = match.groupdict()
            found.setdefault((groups.get("folder") or "", groups["name"]), path)
    return found
