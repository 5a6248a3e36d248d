"""What a `config.json` beside weights says, as far as anybody asks for it."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from atrous.plain import from_plain

T = TypeVar("T")


def told(kind: type[T], settings: Mapping[str, Any], *, where: str = "config.json") -> T:
    """The settings that are fields of the dataclass `kind`; the others, of which there are many, are left aside.

    Raises:
        InputError: If one is missing or of another type, or no finite number where a number is asked for.
    """
    asked = {field.name for field in dataclasses.fields(kind)}  # pyright: ignore[reportArgumentType]
    return from_plain(kind, {name: value for name, value in settings.items() if name in asked}, where=where)
