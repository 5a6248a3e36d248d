"""Names and colours of classes from the files that tools put beside masks.

labelmap.txt                  CVAT: `background:0,0,0::`
_classes.csv                  Roboflow: `Pixel Value, Class`
class_dict.csv ...            a header that names columns of name, red, green, blue, or number
objectInfo.txt                ADE20K: such a table with tabs
class_names.txt, classes.txt  one name a line, in the order of the ids; labelme2voc begins with `__ignore__`
data.yaml, NAME.yaml          Ultralytics: `names`, a list or a table of ids
dataset.json                  nnU-Net: `labels`, a table of names or of ids
classes.json, id2label.json   a list of names, a table of ids, or objects with names (`data/layouts/class_objects.py`)
label_list.mat                a cell of names
output.manifest               SageMaker: `internal-color-map`, a table of names and colours
label_descriptions.json ...   COCO's `categories`, a list of ids and names
SET_annotation-colormap.txt   any table of names and colours that is called classes, labels, palette, colormap or legend
"""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from atrous.data.annotations.named_shapes import BACKGROUND, BACKGROUNDS, IGNORED
from atrous.data.formats.matlab import read_mat_names
from atrous.data.layouts.class_objects import listed_objects
from atrous.data.layouts.small_texts import (
    YAML_FILES,
    is_small,
    text_of,
    yaml_content,
    yaml_files_of_data,
    yaml_names,
)
from atrous.data.layouts.tree import Tree
from atrous.data.layouts.words import tokens
from atrous.errors import InputError
from atrous.labels import Color

_LISTS = ("class_names.txt", "classes.txt", "labels.txt", "names.txt", "label_names.txt", "obj.names", "classnames.txt")
_TABLES = (
    "_classes.csv", "class_dict.csv", "classes.csv", "labels.csv", "class_dict_seg.csv", "label_colors.csv",
    "label_colors.txt", "labels_class_dict.csv", "_classes.txt",
    "objectinfo.txt",
)  # fmt: skip
_JSON = ("dataset.json", "classes.json", "labels.json", "id2label.json", "class_names.json", "label_map.json")
_MATLAB = ("label_list.mat", "labels_list.mat", "classes.mat", "class_names.mat", "names.mat", "label_names.mat")
_CALLED = frozenset(
    {
        "class",
        "classes",
        "label",
        "labels",
        "palette",
        "colormap",
        "colourmap",
        "colors",
        "colours",
        "legend",
        "categories",
    }
)
"""Words in the names of other files that may hold names with colours or values."""
_COUNTED = frozenset({"count", "counts", "weight", "weights", "stats", "statistics", "distribution", "frequencies"})
"""Words in the names of files whose numbers are no values."""
_DESCRIBED = _CALLED | {"config", "meta"}
"""Words in the names of JSON files that may hold names and colours."""
_MOST = 50
_NAME, _NUMBER = (
    ("name", "class", "label", "classname", "class_name", "category"),
    ("pixelvalue", "value", "id", "index", "idx"),
)
_THREE = r"(?P<r>\d+)[\s,;]+(?P<g>\d+)[\s,;]+(?P<b>\d+)"
_RGB = (("r", "red"), ("g", "green"), ("b", "blue"))
_COLOR = ("classcolor", "color", "colour", "rgb", "hex")


@dataclass(frozen=True)
class ClassList:
    """Classes as a file lists them.

    Attributes:
        path: The file, below the root.
        names: In the order of the file.
        values: The value of each class in masks; empty where the file states none.
        colors: The colour of each class in masks; empty where the file states none.
        counted: True where the order of the names is that of the values from 0 on.
    """

    path: Path
    names: tuple[str, ...]
    values: tuple[int, ...] = ()
    colors: tuple[Color, ...] = ()
    counted: bool = False


def find_classes(tree: Tree) -> ClassList | None:
    """The list of classes nearest to the root; None where there is none that can be read."""
    readers = (
        (("labelmap.txt",), _labelmap), (_TABLES, _table), (_LISTS, _lines), (YAML_FILES, _yaml), (_JSON, _json),
        (_MATLAB, _matlab), (yaml_files_of_data(tree), _yaml),
    )  # fmt: skip
    for names, read in readers:
        for path in tree.named(*names):
            found = read(tree, path)
            if found is not None and 0 < len(found.names) == len(set(found.names)):
                return _with_background(found)
    others = [path for path in tree.with_suffix(".txt", ".csv") if _names_classes(path)][:_MOST]
    candidates = [_colored(tree, path) for path in others]
    described = [path for path in tree.with_suffix(".json") if _DESCRIBED & {*tokens(path.stem)}][:_MOST]
    candidates += [_objects(tree, path, colored=True) for path in described]
    candidates += [_numbered(tree, path) for path in described if _names_classes(path)]
    candidates += [_manifest(tree, path) for path in tree.with_suffix(".manifest")]
    candidates += [_categories(tree, path) for path in tree.named("label_descriptions.json", "categories.json")]
    kept = (found for found in candidates if found and len(found.names) == len({*found.names}) > 1)
    return next(map(_with_background, kept), None)


def _names_classes(path: Path) -> bool:
    """Return True if a file is called after classes: `our_classes`, `class_map`, `category_id`; not `class_counts`."""
    words = {*tokens(path.stem)}
    return bool(_CALLED & words or ("category" in words and {"id", "ids"} & words)) and not _COUNTED & words


def _with_background(found: ClassList) -> ClassList:
    """The list with one name for the background, which tools call differently."""
    return replace(found, names=tuple(BACKGROUND if name in BACKGROUNDS else name for name in found.names))


def _colored(tree: Tree, path: Path) -> ClassList | None:
    """A table under a header, or lines of a number, a name and a colour, or of two of these."""
    text = text_of(tree, path)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    rows = [re.fullmatch(r"\d+[\s,;:]+(\D.*?)[\s,;:]+(\d+)[\s,]+(\d+)[\s,]+(\d+)", line) for line in lines]
    if rows and all(rows):
        text = "\n".join(" ".join(row.groups()) for row in rows if row)
    found = _color_lines(text, path) if rows and all(rows) else _table(tree, path) or _lines(tree, path)
    has_more = found is not None and (found.colors or found.values)
    return found if found is not None and has_more and len(found.names) >= len(lines) - 1 else None


def _manifest(tree: Tree, path: Path) -> ClassList | None:
    """The names and colours in the first line of SageMaker's output."""
    try:
        row = json.loads(text_of(tree, path).partition("\n")[0] or "{}")
    except (ValueError, RecursionError):
        return None
    tables = [value.get("internal-color-map") for value in row.values() if isinstance(value, dict)]
    table = next((table for table in tables if isinstance(table, dict)), {})
    items = [item for item in table.values() if isinstance(item, dict) and "class-name" in item]
    colors = [tuple(bytes.fromhex(digits)) for item in items if _is_hex(digits := str(item.get("hex-color"))[1:])]
    names = tuple(str(item["class-name"]) for item in items)
    kept = tuple((color[0], color[1], color[2]) for color in colors) if len(colors) == len(names) else ()
    return ClassList(path, names, colors=kept, counted=not kept)


def _is_hex(digits: str) -> bool:
    return re.fullmatch("[0-9a-fA-F]{6}", digits) is not None


def _categories(tree: Tree, path: Path) -> ClassList | None:
    content = tree.json(path)
    items = content.get("categories") if isinstance(content, dict) else None
    pairs = [
        (item["id"], item["name"])
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, dict) and type(item.get("id")) is int and isinstance(item.get("name"), str)
    ]
    return _valued(path, tuple(sorted(pairs)))


def _labelmap(tree: Tree, path: Path) -> ClassList | None:
    """CVAT's `name:r,g,b:parts:actions`."""
    names, colors = [], []
    for line in text_of(tree, path).splitlines():
        match = re.fullmatch(r"([^#:].*?):\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*(:.*)?", line.strip())
        if match:
            names.append(match[1].strip())
            colors.append((int(match[2]), int(match[3]), int(match[4])))
    if not names:
        return _lines(tree, path)
    return ClassList(path, tuple(names), colors=tuple(colors)) if _are_colors(colors) else None


def _table(tree: Tree, path: Path) -> ClassList | None:
    """Rows under a header, or rows of three numbers and a name."""
    text = text_of(tree, path)
    try:
        tabs = "\t" if "\t" in text.partition("\n")[0] else ","
        table = csv.reader(io.StringIO(text), delimiter=tabs)
        rows = [[cell.strip() for cell in row] for row in table if any(map(str.strip, row))]
    except csv.Error:
        return None
    if not rows:
        return None
    header = [re.sub(r"[\s_]", "", cell.lower()) for cell in rows[0]]
    if counted := _counted_rows(rows):
        return ClassList(path, counted, values=(*range(len(counted)),), counted=True)
    name = next((header.index(word) for word in _NAME if word in header), None)
    if name is None:
        return _color_lines(text, path)
    number = next((header.index(word) for word in _NUMBER if word in header), None)
    rgb = [next((header.index(word) for word in words if word in header), None) for words in _RGB]
    body = [row for row in rows[1:] if len(row) == len(header)]
    names = tuple(row[name] for row in body)
    values = _integers(body, [number])
    joined = next((header.index(word) for word in _COLOR if word in header), None)
    colors = _integers(body, rgb) or ([] if joined is None else [_parts(row[joined]) for row in body])
    return ClassList(
        path,
        names,
        values=tuple(value for (value,) in values),
        colors=tuple((r, g, b) for r, g, b in colors) if _are_colors(colors) else (),
        counted=not values and not colors,
    )


def _counted_rows(rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The names in rows of a number and a name that count from 0, under any header or none; otherwise empty.

    The name of 0 may be missing, as data frames write `null`: it is the background.
    """
    body = rows if rows[0][0].isdecimal() else rows[1:]
    if len(body) < 2 or any(len(row) != 2 for row in rows) or any(row[0] != str(at) for at, row in enumerate(body)):
        return ()
    first, *others = (row[1] for row in body)
    if any(not name or name.replace(".", "").isdecimal() for name in others) or len({*others}) < len(others):
        return ()
    return (BACKGROUND if first.lower() in ("", "null", "nan", "none") else first, *others)


def _color_lines(text: str, path: Path) -> ClassList | None:
    """Lines of three numbers and a name, or of a name and three numbers, as CamVid's `label_colors.txt`."""
    names, colors = [], []
    for line in text.splitlines():
        first = re.fullmatch(rf"{_THREE}[\s,;:]+(?P<name>[^\s,;:].*?)[\s,;:]*", line.strip())
        last = re.fullmatch(rf"(?P<name>\D.*?)[\s,;:]+{_THREE}[\s,;:]*", line.strip())
        found = first or last
        if found and not found["name"].isdecimal():
            names.append(found["name"].strip())
            colors.append((int(found["r"]), int(found["g"]), int(found["b"])))
    return ClassList(path, tuple(names), colors=tuple(colors)) if names and _are_colors(colors) else None


def _parts(text: str) -> list[int]:
    """Red, green and blue in one cell: `255 46 0`, `(255, 46, 0)` or `#ff2e00`; empty where it is no colour."""
    digits = text.strip().lstrip("#")
    return [*bytes.fromhex(digits)] if _is_hex(digits) else [int(part) for part in re.findall(r"\d{1,3}", text)]


def _integers(rows: Sequence[Sequence[str]], columns: Sequence[int | None]) -> list[list[int]]:
    """The numbers in some columns of every row; empty where one of them is missing or no number."""
    kept = [column for column in columns if column is not None]
    if len(kept) < len(columns):
        return []
    try:
        return [[int(row[column]) for column in kept] for row in rows]
    except ValueError:
        return []


def _lines(tree: Tree, path: Path) -> ClassList | None:
    names = [line.strip() for line in text_of(tree, path).splitlines() if line.strip() and not line.startswith("#")]
    if names and names[0] == IGNORED:  # labelme2voc counts it as -1
        names = names[1:]
    if any(len(name) > 80 or not name.isprintable() for name in names):
        return None
    numbered = [re.fullmatch(r"(\d+)\s*[:,\s]\s*(\D.*)", name) for name in names]
    if names and all(numbered):
        pairs = [(int(match[1]), match[2].strip()) for match in numbered if match]
        return ClassList(path, tuple(name for _, name in pairs), values=tuple(value for value, _ in pairs))
    return ClassList(path, tuple(names), counted=True)


def _yaml(tree: Tree, path: Path) -> ClassList | None:
    content = yaml_content(tree, path)
    pairs = yaml_names(content)
    if pairs and isinstance(content.get("names"), list):  # states an order, but not where it begins
        return ClassList(path, tuple(name for _, name in pairs), counted=True)
    return _valued(path, pairs)


def _numbered(tree: Tree, path: Path) -> ClassList | None:
    """A table of names and values in a JSON file of any name."""
    content = tree.json(path) if is_small(tree, path) else None
    pairs = _pairs(content) if isinstance(content, dict) else ()
    return _valued(path, pairs) if len(pairs) > 1 else None


def _pairs(content: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    """Values and names of a table that says nothing else, in either direction; none of any other."""
    by_name = [(value, name) for name, value in content.items() if type(value) is int]
    by_value = [(int(key), name) for key, name in content.items() if key.isdecimal() and isinstance(name, str)]
    pairs = by_name if len(by_name) == len(content) else by_value if len(by_value) == len(content) else []
    return tuple(sorted(pairs))


def _objects(tree: Tree, path: Path, *, colored: bool = False) -> ClassList | None:
    """Objects with names, values or colours of classes; where `colored`, only those that have colours."""
    found = listed_objects(tree.json(path)) if is_small(tree, path) else None
    if found is None or (colored and not found.colors):
        return None
    if found.colors or not found.values:
        return ClassList(path, found.names, found.values, found.colors, counted=not found.colors)
    return _valued(path, sorted(zip(found.values, found.names, strict=True)))


def _json(tree: Tree, path: Path) -> ClassList | None:
    if found := _objects(tree, path):
        return found
    content = tree.json(path)
    if isinstance(content, dict):
        nested = [content.get(key) for key in ("labels", "names", "classes", "id2label") if key in content]
        content = nested[0] if nested else content
    if isinstance(content, list) and content and all(isinstance(name, str) for name in content):
        return ClassList(path, tuple(content), counted=True)
    return _valued(path, _pairs(content)) if isinstance(content, dict) else None


def _matlab(tree: Tree, path: Path) -> ClassList | None:
    try:
        names = read_mat_names(tree.root / path)
    except InputError:
        return None
    return ClassList(path, names, counted=True) if names else None


def _valued(path: Path, pairs: Sequence[tuple[int, str]]) -> ClassList | None:
    if not pairs:
        return None
    values = tuple(value for value, _ in pairs)
    return ClassList(path, tuple(name for _, name in pairs), values=values, counted=values == (*range(len(values)),))


def _are_colors(colors: Sequence[Sequence[int]]) -> bool:
    return bool(colors) and all(len(color) == 3 and all(0 <= part <= 255 for part in color) for color in colors)


def checked_names(names: Sequence[str], *, path: Path) -> tuple[str, ...]:
    """Names of classes that a schema can hold; raises InputError where one repeats or is not printable."""
    kept = tuple(name.strip() for name in names)
    if len(set(kept)) < len(kept) or not all(name and name.isprintable() for name in kept):
        raise InputError(f"{path}: names of classes must be printable and differ: {', '.join(kept)!r:.200}")
    return kept
