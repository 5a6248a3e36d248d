"""The meaning of mask values: class names, colours, the ignore value, and a table for other values.

A `schema.toml` beside the data:

    classes = ["background", "crack"]
    colors = [[0, 0, 0], [220, 40, 40]]   # optional
    ignore = 255                          # optional
    [remap]                               # optional: value in the file = class id (or the ignore value)
    0 = 0
    128 = 1
    "#e0e0c0" = 255                       # a colour in RGB masks, besides those in `colors`

Masks of two classes with smoothed edges: `threshold = 128` makes lower values class 0 and the others class 1; so does
`threshold = 1` for masks that number objects. The table
`[layout]` says where pictures and masks lie (`data/layouts/patterns.py`), `[picture]` which numbers of deep pictures
are black and white (`data/formats/value_range.py`); alone they leave the classes to the masks.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer

from atrous.data.formats.value_range import Ranges, parse_ranges, range_text
from atrous.errors import InputError
from atrous.files import atomic_path
from atrous.labels import Color, LabelSpace

SCHEMA_FILE = "schema.toml"
_KEYS = ("classes", "colors", "ignore", "remap", "threshold", "layout", "picture")
_SHOWN = 8


@dataclass(frozen=True)
class Schema:
    """A label space and how values in files become its ids.

    Attributes:
        labels: The label space.
        remap: Value in the file -> class id or ignore value. Empty: values are ids already. Otherwise every value
            must be listed, except the ignore value, which then stays what it is.
        recolor: RGB colour in the file -> class id or ignore value, besides the colours of the label space.
        threshold: Values of masks from this one on are class 1, lower ones class 0; 0: values count as they are.
        ranges: Numbers that are black and white in pictures of more than 8 bits per band; none where not declared.

    Raises:
        ValueError: If a value is not in 0..65535 or a target is neither a class id nor the ignore value.
    """

    labels: LabelSpace
    remap: Mapping[int, int] = field(default_factory=dict)
    recolor: Mapping[Color, int] = field(default_factory=dict)
    threshold: int = 0
    ranges: Ranges = ()

    def __post_init__(self) -> None:
        if self.threshold and (not 0 < self.threshold < 256 or len(self.labels) != 2 or self.remap):
            raise ValueError(
                f"threshold: {self.threshold} does not part values into two classes; give 1..255 with two "
                "classes and no remap"
            )
        for value in self.remap:
            if not 0 <= value <= 65535:
                raise ValueError(f"remap: {value} is not a mask value (0..65535)")
        colors = [(hex_color(color), target) for color, target in self.recolor.items()]
        for value, target in [*self.remap.items(), *colors]:
            if target != self.labels.ignore and not 0 <= target < len(self.labels):
                raise ValueError(
                    f"remap: {value} = {target} is neither a class id (0..{len(self.labels) - 1}) "
                    f"nor the ignore value {self.labels.ignore}"
                )

    @property
    def meaning(self) -> dict[int, int]:
        """Every value that may stand in a file, and what it becomes."""
        ignore = self.labels.ignore
        if self.threshold:
            return {value: int(value >= self.threshold) for value in range(65536)}
        return {ignore: ignore, **(self.remap or {label: label for label in range(len(self.labels))})}


def hex_color(color: Color) -> str:
    """A colour as it stands in a schema: `#e0e0c0`."""
    return "#" + bytes(color).hex()


def mask_dtype(labels: LabelSpace) -> type[np.uint8] | type[np.int32]:
    """uint8 where all ids and the ignore value fit, otherwise int32."""
    return np.uint8 if labels.ignore <= 255 else np.int32


def apply_schema(values: Integer[np.ndarray, "h w"], *, schema: Schema, path: Path) -> Integer[np.ndarray, "h w"]:
    """Turn the values of a mask into class ids.

    Args:
        values: As read from the file, 0..65535.
        schema: The meaning of the values.
        path: The file, for the message.

    Returns:
        Class ids and ignore value, of `mask_dtype`.

    Raises:
        InputError: If a value has no meaning; the line names the values and how many pixels have each.
    """
    if schema.threshold:
        return (values >= schema.threshold).astype(mask_dtype(schema.labels))
    table = np.full(256 if values.dtype == np.uint8 else 65536, -1, np.int32)
    meaning = schema.meaning
    known = [value for value in meaning if value < len(table)]
    table[known] = [meaning[value] for value in known]
    ids = table[values]
    if ids.min() < 0:
        listed = ", ".join(str(value) for value in sorted(schema.remap)[:_SHOWN])
        more = ", ..." * (len(schema.remap) > _SHOWN)
        known_ids = f"the values in [remap] ({listed}{more})" if listed else f"class ids 0..{len(schema.labels) - 1}"
        raise InputError(
            f"{path} has {count_values(values[ids < 0])}; masks of this data hold {known_ids}, and "
            f"{schema.labels.ignore} for ignore: add what is missing to [remap] in {SCHEMA_FILE}, or correct the mask"
        )
    return ids.astype(mask_dtype(schema.labels))


def count_values(values: Integer[np.ndarray, "..."]) -> str:
    """The values that occur with their pixel counts, in words: `value 7 (120 pixels), value 9 (1 pixel)`."""
    found, counts = np.unique(values, return_counts=True)
    pairs = zip(found[:_SHOWN].tolist(), counts[:_SHOWN].tolist(), strict=True)
    shown = [f"value {value} ({count} pixel{'s' * (count != 1)})" for value, count in pairs]
    rest = len(found) - len(shown)
    return ", ".join(shown) + (f" and {rest} more values" if rest else "")


def read_table(path: Path) -> dict[str, Any]:
    """The content of a `schema.toml`, of which only the names of the keys are checked.

    Raises:
        InputError: If the file is missing, not TOML, or has a key that means nothing.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"cannot read schema {path}: {error.strerror or error}") from error
    except ValueError as error:  # not UTF-8, or not TOML
        raise InputError(f"{path} is not valid TOML: {' '.join(str(error).split())}; correct it") from error
    except RecursionError as error:
        raise InputError(f"{path} is not a schema: nested too deeply") from error
    if unknown := sorted(data.keys() - set(_KEYS)):
        raise InputError(f"{path}: unknown key {unknown[0]!r}; known keys are {', '.join(_KEYS)}")
    return data


def read_schema(path: Path) -> Schema:
    """Read a `schema.toml`.

    Raises:
        InputError: If the file is missing, not TOML, or says something that makes no sense; the line names the key.
    """
    data = read_table(path)
    try:
        labels = LabelSpace(
            names=_names(data.get("classes")),
            palette=_colors(data.get("colors", [])),
            ignore=_integer(data.get("ignore", 255), key="ignore"),
        )
        remap, recolor = _remap(data.get("remap", {}))
        threshold = _integer(data.get("threshold", 0), key="threshold")
        return Schema(labels=labels, remap=remap, recolor=recolor, threshold=threshold, ranges=_ranges(data))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def read_ranges(path: Path) -> Ranges:
    """The table `[picture]` of a `schema.toml`; none where it has no such table, or there is no such file.

    Raises:
        InputError: If the file cannot be read, or the table makes no sense.
    """
    if not path.exists():
        return ()
    try:
        return _ranges(read_table(path))
    except ValueError as error:
        raise error if isinstance(error, InputError) else InputError(f"{path}: {error}") from error


def picture_table(ranges: Ranges) -> list[str]:
    """The lines of the table `[picture]`."""
    return ["[picture]  # numbers that are black and white", f"range = {range_text(ranges)}"]


def write_schema(path: Path, schema: Schema, *, layout: Mapping[str, str] | None = None) -> None:
    """Write a `schema.toml` that `read_schema` reads back to an equal schema.

    Args:
        path: The file.
        schema: Classes and values.
        layout: Entries of the table `[layout]`; none leave it out.
    """
    lines = [
        "# What the pixel values of the masks mean.",
        "classes = [",
        *(f"    {_quoted(name)}," for name in schema.labels.names),
        "]",
        "colors = [",
        *(f"    {list(color)}," for color in schema.labels.palette),
        "]",
        f"ignore = {schema.labels.ignore}",
        *([f"threshold = {schema.threshold}"] if schema.threshold else []),
    ]
    if schema.remap or schema.recolor:
        lines += ["", "[remap]  # value in the file = class id", *(f"{v} = {i}" for v, i in schema.remap.items())]
        lines += [f'"{hex_color(color)}" = {i}' for color, i in schema.recolor.items()]
    if layout:
        lines += ["", "[layout]", *(f"{key} = {_quoted(pattern)}" for key, pattern in layout.items())]
    if schema.ranges:
        lines += ["", *picture_table(schema.ranges)]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join([*lines, ""]), encoding="utf-8")


def _ranges(data: Mapping[str, Any]) -> Ranges:
    table = data.get("picture")
    if table is None:
        return ()
    if not isinstance(table, dict) or table.keys() != {"range"}:
        raise ValueError("picture: give a table with range = [black, white], such as [0, 4095]")
    return parse_ranges(table["range"])


def _names(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError('classes: give the list of class names, such as ["background", "crack"]')
    for name in value:
        if not name.strip() or not name.isprintable():
            raise ValueError(f"classes: {name!r} is not a printable name")
    return tuple(value)


def _colors(value: Any) -> tuple[Color, ...]:
    if not isinstance(value, list) or not all(isinstance(color, list) and len(color) == 3 for color in value):
        raise ValueError("colors: give one [red, green, blue] per class")
    return tuple((_integer(r, key="colors"), _integer(g, key="colors"), _integer(b, key="colors")) for r, g, b in value)


def _remap(value: Any) -> tuple[dict[int, int], dict[Color, int]]:
    if not isinstance(value, dict):
        raise ValueError("remap: give a table of 'value in the file = class id'")
    colors = {key for key in value if re.fullmatch("#[0-9a-fA-F]{6}", key)}
    numbers = [key for key in value if key not in colors]
    if odd := [key for key in numbers if not (key.isascii() and key.isdecimal() and len(key) <= 5)]:
        raise ValueError(f"remap: {odd[0]!r} is neither a mask value (0..65535) nor a colour such as '#e0e0c0'")
    targets = {key: _integer(target, key=f"remap: {key}") for key, target in value.items()}
    remap = {int(key): targets[key] for key in numbers}
    recolor: dict[Color, int] = {_color(key): targets[key] for key in value if key in colors}
    if len(remap) + len(recolor) < len(value):
        raise ValueError("remap: a value is listed twice")
    return remap, recolor


def _color(text: str) -> Color:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def _integer(value: Any, *, key: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{key}: {value!r} is not an integer")
    return value


def _quoted(text: str) -> str:
    """A TOML basic string; JSON's rules, but TOML also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
