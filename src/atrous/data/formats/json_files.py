"""Files in JSON, read with care: annotations may come from anybody."""

import json
import math
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jaxtyping import Float64

from atrous.data.formats.images import MAX_PIXELS
from atrous.errors import InputError
from atrous.sizes import Size


def read_object(path: Path, *, remedy: str = "export it again") -> dict[str, Any]:
    """The object that a JSON file holds.

    Args:
        path: The file.
        remedy: The advice about a damaged file, as the message says it.

    Raises:
        InputError: If the file cannot be read, is not JSON (NaN and Infinity are not), or holds something else.
    """
    content = read_value(path, remedy=remedy)
    if not isinstance(content, dict):
        raise InputError(f"{path} holds {_kind(content)} where an object was expected; {remedy}")
    return content


def read_value(path: Path, *, remedy: str = "export it again") -> Any:
    """The value that a JSON file holds; raises InputError as `read_object`, but any value is welcome."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"), parse_constant=_refuse)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read {path}: {reason}; check the name and the access rights") from error
    except RecursionError as error:
        raise InputError(f"{path} is nested too deeply; {remedy}") from error
    except (ValueError, MemoryError) as error:  # not UTF-8, not JSON, a number of a million digits
        raise InputError(f"{path} is not valid JSON: {' '.join(str(error).split())}; {remedy}") from error


def objects(value: Any, *, name: str) -> list[dict[str, Any]]:
    """A list of objects; raises ValueError on anything else."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError(f"{name}: expected a list of objects")
    return value


def text(item: dict[str, Any], name: str) -> str:
    """A field that is text; raises ValueError where it is missing or something else."""
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name}: expected text, found {_kind(value)}")
    return value


def whole(item: dict[str, Any], name: str) -> int:
    """A field that is a whole number, also written as `3.0` or `"3"`; raises ValueError where it is anything else."""
    value = item.get(name)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, str) and len(value) < 20 and value.strip().isdecimal() and value.isascii():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name}: expected a whole number, found {_kind(value)}")
    return value


def picture_size(item: dict[str, Any], *, height: str, width: str) -> Size:
    """Height and width under their names; raises ValueError where they are no size of a picture."""
    size = whole(item, height), whole(item, width)
    if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
        raise ValueError(f"{height}, {width}: {size[0]} x {size[1]} is no size of a picture")
    return size


def points(value: Any, *, name: str) -> Float64[np.ndarray, "n 2"]:
    """Pairs of coordinates, or one flat list of them; raises ValueError on anything else."""
    if isinstance(value, list) and value and all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        value = [number for pair in value for number in pair]
    if not isinstance(value, list) or len(value) % 2 or not all(type(number) in (int, float) for number in value):
        raise ValueError(f"{name}: expected pairs of numbers")
    try:
        numbers = np.array(value, np.float64).reshape(-1, 2)
    except OverflowError:
        raise ValueError(f"{name}: a number is too large") from None
    if not all(map(math.isfinite, numbers.flat)):
        raise ValueError(f"{name}: a number is too large")
    return numbers


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"{value!r:.40}"


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")
