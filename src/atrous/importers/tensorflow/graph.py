"""Frozen graphs (`.pb`): a list of operations in which weights have become constants."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from atrous.errors import InputError
from atrous.importers.mapped_file import mapped
from atrous.importers.protobuf import Message, fields
from atrous.importers.tensorflow.variable import DTYPES, Variable, shape_of, values

LEAVES = ("weights", "depthwise_weights", "biases", "gamma", "beta", "moving_mean", "moving_variance")
"""Names of a layer's variables in the official code."""

_READS = ("/read", "/Read/ReadVariableOp")
"""Endings of the operation that reads a variable; freezing leaves it there."""

_STRIDING = ("Conv2D", "DepthwiseConv2dNative", "MaxPool")
_LARGEST_STRIDE = 1 << 16
_MOST_NODES = 100_000
_OUTPUT_STRIDES = (4, 8, 16, 32)
_NODE = 1


@dataclass(frozen=True)
class Graph:
    """Constants of a frozen graph.

    Attributes:
        variables: Constants that were variables, by their names.
        constants: Names of all others.
        output_stride: Input size / size of the network's last map; None where that is impossible, as in a graph that
            runs the network at several scales.
    """

    variables: Mapping[str, Variable]
    constants: tuple[str, ...]
    output_stride: int | None


def read_graph(path: Path) -> Graph:
    """The constants of a frozen graph.

    Raises:
        InputError: If the file is damaged or no graph.
    """
    constants: dict[str, Message] = {}
    names: set[str] = set()
    strides = 1
    for number, content in fields(mapped(path)):
        if number != _NODE or isinstance(content, int):
            continue  # the version, a library of functions
        node = Message.parse(content)
        name, operation = node.text(1), node.text(2)
        names.add(name)
        if len(names) > _MOST_NODES:
            raise InputError(f"more than {_MOST_NODES} operations; official graphs have some thousands")
        if operation == "Const":
            constants[name] = _attribute(node, "value").message(8)
        elif operation in _STRIDING and "shortcut" not in name:
            strides = min(strides * _stride(node), _LARGEST_STRIDE)
    if not names:
        raise InputError("a graph without operations")
    variables = {
        name: _variable(constant)
        for name, constant in constants.items()
        if name.rpartition("/")[2] in LEAVES or any(name + reading in names for reading in _READS)
    }
    others = tuple(name for name in constants if name not in variables)
    return Graph(variables, others, strides if strides in _OUTPUT_STRIDES else None)


def _attribute(node: Message, name: str) -> Message:
    for attribute in node.messages(5):
        if attribute.text(1) == name:
            return attribute.message(2)
    return Message({})


def _stride(node: Message) -> int:
    strides = _attribute(node, "strides").message(1).integers(3, most=4)
    return max(strides, default=1)


def _variable(tensor: Message) -> Variable:
    shape, dtype = shape_of(tensor.message(2)), DTYPES.get(tensor.integer(1))
    return Variable(shape, dtype, partial(values, tensor, shape=shape, dtype=dtype))
