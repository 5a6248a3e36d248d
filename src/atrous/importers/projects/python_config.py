"""Configurations that are written as Python (MMSegmentation), read as data: nothing in them is executed."""

import ast
from typing import Any

from atrous.errors import InputError

LONGEST = 1 << 18
"""Characters; the official configurations have about 8000."""


def read_python_config(text: str) -> dict[str, Any]:
    """Values of the assignments in a configuration: numbers, texts, lists, tuples and dicts of these.

    Anything else, such as a call of another function than `dict`, becomes None.

    Raises:
        InputError: If it is no Python, or longer than any real one.
    """
    if len(text) > LONGEST:
        raise InputError(f"its configuration has {len(text)} characters, more than any real one")
    try:
        tree = ast.parse(text)
        pairs = [(node.targets[0], node.value) for node in tree.body if isinstance(node, ast.Assign)]
        return {target.id: _value(value) for target, value in pairs if isinstance(target, ast.Name)}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InputError("its configuration (meta) cannot be read; state its settings by options") from error


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            pairs = [(key, value) for key, value in zip(keys, values, strict=True) if key is not None]
            return {key.value: _value(value) for key, value in pairs if isinstance(key, ast.Constant)}
        case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
            return {keyword.arg: _value(keyword.value) for keyword in keywords if keyword.arg is not None}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
    return None
