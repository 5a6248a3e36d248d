"""Classes that a JSON file lists as objects, such as `{"title": "Road", "color": "#6EC1E4"}`, or as a table of colours.

Supervisely's `classes`, Mapillary's `labels`, COCO's `categories`, `{"road": [128, 64, 128]}`.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from atrous.labels import Color

_LISTS = ("classes", "labels", "categories", "names", "items")
_NAME = ("name", "title", "label", "class", "classname", "class_name", "category")
_NUMBER = ("id", "value", "index", "pixel_value", "pixelvalue", "label_id", "labelid")
_LARGEST = 65535
"""Largest value of a mask; numbers of a database are larger."""
_COLOR = ("color", "colour", "rgb", "hex", "color_rgb", "color_hex")


class ListedObjects(NamedTuple):
    """Classes in the order of a file; values and colours are empty where not every class has one."""

    names: tuple[str, ...]
    values: tuple[int, ...]
    colors: tuple[Color, ...]


def listed_objects(content: Any) -> ListedObjects | None:
    """The classes of a JSON value; None where it lists none in one of these ways."""
    if isinstance(content, Mapping) and (found := _table_of_colors(content)):
        return found
    if isinstance(content, Mapping):
        content = next((content[key] for key in _LISTS if isinstance(content.get(key), list)), None)
    if not isinstance(content, list) or not content:
        return None
    rows = [_lowered(item) for item in content if isinstance(item, Mapping)]
    names = [_first(row, _NAME) for row in rows]
    if len(rows) < len(content) or not all(isinstance(name, str) and name.strip() for name in names):
        return None
    numbers = [_first(row, _NUMBER) for row in rows]
    whole = [number for number in numbers if type(number) is int]
    values = whole if len(set(whole)) == len(rows) and max(whole) <= _LARGEST and min(whole) >= 0 else []
    colors = [color for row in rows if (color := color_of(_first(row, _COLOR))) is not None]
    return ListedObjects(
        tuple(str(name).strip() for name in names), tuple(values), tuple(colors) if len(colors) == len(rows) else ()
    )


def color_of(value: Any) -> Color | None:
    """A colour as `#RRGGBB`, `r, g, b`, `rgb(r, g, b)`, a list or a table of three numbers; None for anything else."""
    if isinstance(value, str):
        if re.fullmatch("#[0-9a-fA-F]{6}", value.strip()):
            red, green, blue = bytes.fromhex(value.strip()[1:])
            return red, green, blue
        match = re.fullmatch(r"(?:rgb)?\(?\s*(\d{1,3})[,\s]+(\d{1,3})[,\s]+(\d{1,3})\s*\)?", value.strip())
        value = [int(part) for part in match.groups()] if match else None
    elif isinstance(value, Mapping):
        table = _lowered(value)
        value = [_first(table, words) for words in (("r", "red"), ("g", "green"), ("b", "blue"))]
    if not isinstance(value, list) or len(value) not in (3, 4):
        return None
    parts = value[:3]
    if not all(type(part) is int and 0 <= part <= 255 for part in parts):
        return None
    return parts[0], parts[1], parts[2]


def _table_of_colors(content: Mapping[Any, Any]) -> ListedObjects | None:
    """Names of classes and their colours, or colours as `#RRGGBB` and their names."""
    colors = [(str(name), color_of(color)) for name, color in content.items()]
    if not all(color for _, color in colors):
        colors = [(str(name), color_of(color)) for color, name in content.items() if isinstance(name, str)]
    known = [(name, color) for name, color in colors if color is not None and name.strip()]
    if len(known) < 2 or len(known) < len(content):
        return None
    return ListedObjects(tuple(name.strip() for name, _ in known), (), tuple(color for _, color in known))


def _lowered(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in row.items()}


def _first(row: Mapping[str, Any], words: tuple[str, ...]) -> Any:
    """The value of the first of some keys that a row has."""
    return next((row[word] for word in words if row.get(word) is not None), None)
