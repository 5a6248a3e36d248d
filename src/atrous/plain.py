"""Conversion of frozen dataclasses to plain JSON values and back, with a strict check of names and types."""

import dataclasses
import math
import types
from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from atrous.errors import InputError

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Convert dataclasses to dicts (with their `kind` where the class has one) and tuples to lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        kind = getattr(type(value), "kind", None)
        return fields if kind is None else {"kind": kind, **fields}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    return value


def from_plain(kind: type[T], data: Any, *, where: str) -> T:
    """Build an instance of the dataclass `kind` from plain values.

    Args:
        kind: A dataclass whose fields are numbers, strings, Literals, tuples, mappings of names, dataclasses, or unions
            of these; a field of type `Any` takes its value unchecked.
        data: Value that a JSON reader returned.
        where: Names the file in error messages.

    Raises:
        InputError: If a field is unknown, missing or of another type; the message names it.
    """
    try:
        return _read(kind, data, where)
    except RecursionError as error:
        raise InputError(f"{where}: nested deeper than any real one") from error


def first_difference(
    first: Any, second: Any, *, free: Collection[str] = (), where: str = ""
) -> tuple[str, Any, Any] | None:
    """Return the first field in which two plain values differ, with both its values; None if they are equal.

    Args:
        first: Plain values.
        second: Plain values to compare; fields are visited in their order.
        free: Names of fields that may differ.
        where: Name of the part that both values are; the field is then named like `data split`.
    """
    if not (isinstance(first, dict) and isinstance(second, dict)):
        return None if first == second else (where, first, second)
    names = [name for name in {**second, **first} if name not in free]
    pairs = ((f"{where} {name}".strip(), first.get(name), second.get(name)) for name in names)
    found = (first_difference(one, other, free=free, where=name) for name, one, other in pairs)
    return next((difference for difference in found if difference is not None), None)


def completed(saved: Any, defaults: Any) -> Any:
    """Add the default of every field that did not exist when `saved` was written.

    Args:
        saved: Plain values.
        defaults: Plain values; what is not a dict on both sides stays as saved.
    """
    if not (isinstance(saved, dict) and isinstance(defaults, dict)):
        return saved
    return {**defaults, **{name: completed(value, defaults.get(name)) for name, value in saved.items()}}


def _read(kind: Any, data: Any, where: str) -> Any:
    origin = get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _read_dataclass(kind, data, where)
    if origin in (Union, types.UnionType):
        return _read_union(get_args(kind), data, where)
    if origin is Literal:
        if any(data == choice and type(data) is type(choice) for choice in get_args(kind)):
            return data
        raise InputError(f"{where}: {data!r:.80} is none of {', '.join(map(repr, get_args(kind)))}")
    if origin is tuple:
        return _read_tuple(get_args(kind), data, where)
    if origin is Mapping:
        return _read_mapping(get_args(kind)[1], data, where)
    if kind is Any:
        return data
    if kind is float:
        return _read_float(data, where)
    expected = type(None) if kind is None else kind
    if type(data) is not expected:
        raise InputError(f"{where}: expected {expected.__name__}, found {data!r:.80}")
    return data


def _read_float(data: Any, where: str) -> float:
    """Return a finite number; Python's JSON reader also accepts NaN, Infinity and integers of any length."""
    try:
        value = float(data) if type(data) in (int, float) else math.nan
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise InputError(f"{where}: expected a finite number, found {data!r:.80}")
    return value


def _read_dataclass(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected an object with the fields of {kind.__name__}, found {data!r:.80}")
    hints = get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    tag = getattr(kind, "kind", None)
    if tag is not None and data.get("kind", tag) != tag:
        raise InputError(f"{where}: expected kind {tag!r}, found {data['kind']!r:.80}")
    unknown = sorted(set(data) - set(fields) - ({"kind"} if tag is not None else set()))
    if unknown:
        raise InputError(f"{where}: unknown field {unknown[0]!r:.80}; known: {', '.join(fields)}")
    for name, field in fields.items():
        optional = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        if name not in data and not optional:
            raise InputError(f"{where}: field {name!r} is missing")
    return kind(**{name: _read(hints[name], data[name], f"{where}: {name}") for name in fields if name in data})


def _read_union(members: tuple[Any, ...], data: Any, where: str) -> Any:
    """Read the dataclass whose `kind` the data names, or the one without a kind; else the first type that fits."""
    records = [member for member in members if dataclasses.is_dataclass(member)]
    if isinstance(data, dict) and records:
        kinds = [getattr(record, "kind", None) for record in records]
        named = [record for record, kind in zip(records, kinds, strict=True) if kind == data.get("kind")]
        fitting = named or [record for record, kind in zip(records, kinds, strict=True) if kind is None]
        if len(records) > 1 and not fitting:
            raise InputError(f"{where}: kind {data.get('kind')!r:.80} is none of {', '.join(map(str, kinds))}")
        return _read((fitting or records)[0], data, where)
    for member in members:
        if member not in records:
            try:
                return _read(member, data, where)
            except InputError:
                continue
    raise InputError(f"{where}: {data!r:.80} does not fit")


def _read_mapping(kind: Any, data: Any, where: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise InputError(f"{where}: expected an object, found {data!r:.80}")
    return {name: _read(kind, value, f"{where}: {name:.80}") for name, value in data.items()}


def _read_tuple(items: tuple[Any, ...], data: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise InputError(f"{where}: expected a list, found {data!r:.80}")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_read(items[0], item, where) for item in data)
    if len(items) != len(data):
        raise InputError(f"{where}: expected {len(items)} values, found {len(data)}")
    return tuple(_read(item, value, where) for item, value in zip(items, data, strict=True))
