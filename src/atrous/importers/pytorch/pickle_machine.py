"""A pickle read as data: a machine for its opcodes that knows no import and no call.

A pickle is a program: it may name any function of any module and have it called. Here a name stays a name (`Global`),
a call stays a note of what would have been called (`Call`), and state that would have been handed to an object is kept
beside it. Only dicts, lists, tuples, numbers and strings become what they are. Whoever reads the result decides which
notes mean something to him; there is nothing else in it.
"""

import pickletools
import warnings
from dataclasses import dataclass, field
from typing import IO, Any, Protocol, cast, runtime_checkable

from atrous.errors import InputError

MOST_OPCODES = 4_000_000
"""A checkpoint of ResNet-101 with its optimizer's state has 100,000."""

LONGEST_INTEGER = 128
"""Bits; the states of random generators, which checkpoints carry, have as many."""

_NAMED_DICTS = {("collections", "OrderedDict"), ("builtins", "dict"), ("__builtin__", "dict")}
_SCALARS = (str, bytes, int, float, type(None))
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MARK = object()


@dataclass(frozen=True)
class Global:
    """The name of a class or function, which nobody looks up."""

    module: str
    name: str


@dataclass(eq=False)
class Call:
    """Call that a pickle asks for; it is noted and never made.

    Attributes:
        callee: A `Global`, or any other value that the pickle asks to call.
        arguments: Its arguments.
        state: Value meant for `__setstate__` or `__dict__`, or None.
    """

    callee: Any
    arguments: tuple[Any, ...]
    state: Any = None


@dataclass(frozen=True)
class Persistent:
    """Reference to data outside the pickle: in PyTorch's files a storage.

    Attributes:
        key: Its name, usually a tuple.
    """

    key: Any


@dataclass(eq=False)
class Opaque:
    """A value that has no place in plain data: a set, a key of a dict that is no scalar."""

    parts: tuple[Any, ...] = field(default=(), repr=False)


@runtime_checkable
class Stream(Protocol):
    """Bytes in their order. Reading must not allocate more than there is."""

    def read(self, size: int, /) -> bytes:
        """Read at most so many bytes."""
        ...

    def readline(self) -> bytes:
        """Read up to the next end of a line."""
        ...

    def tell(self) -> int:
        """Position in bytes."""
        ...


def read_pickle(stream: Stream) -> Any:
    """The value of the pickle that starts where the stream stands; the stream then stands behind it.

    Memory is bounded by a multiple of the bytes that are read: no opcode makes anything larger than itself.

    Args:
        stream: A file, or bytes.

    Raises:
        InputError: If it is damaged, or longer than any real one.
    """
    machine = _Machine()
    try:
        with warnings.catch_warnings(action="ignore"):  # of escapes in strings
            for number, (opcode, argument, _) in enumerate(pickletools.genops(cast(IO[bytes], stream))):
                if number >= MOST_OPCODES:
                    raise InputError(f"a pickle of more than {MOST_OPCODES} instructions, which no weights need")
                machine.step(opcode.name, argument)
        return machine.result()
    except (ValueError, IndexError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"a damaged pickle ({error!s:.80}); get it again from its source") from error


def called_names(value: Any) -> list[str]:
    """Names of the functions and classes that a pickle asks to call, each once, such as `posix.system`."""
    names: dict[str, None] = {}
    waiting, seen = [value], set[int]()
    while waiting:
        item = waiting.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Call):
            if isinstance(item.callee, Global):
                names[f"{item.callee.module}.{item.callee.name}"] = None
            waiting += (item.callee, *item.arguments, item.state)
        elif isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list | tuple):
            waiting += item
    return [*names]


class _Machine:
    """Stack and memo of the pickle machine."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.copied = 0

    def result(self) -> Any:
        if len(self.stack) != 1:
            raise ValueError("it leaves more or less than one value")
        return self.popped()

    def step(self, name: str, argument: Any) -> None:
        """One instruction; its argument is decoded already."""
        match name:
            case "PROTO" | "FRAME" | "STOP" | "READONLY_BUFFER":
                pass
            case "MARK":
                self.stack.append(_MARK)
            case "POP":
                self.stack.pop()
            case "POP_MARK" | "ADDITEMS":
                self.marked()
            case "DUP":
                self.stack.append(self.stack[-1])
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self.memo[argument] = self.stack[-1]
            case "MEMOIZE":
                self.memo[len(self.memo)] = self.stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                self.stack.append(self.memo[argument])
            case "APPEND":
                self.extend([self.popped()])
            case "APPENDS":
                self.extend(self.marked())
            case "SETITEM":
                value, key = self.popped(), self.popped()
                self.update([key, value])
            case "SETITEMS":
                self.update(self.marked())
            case "BUILD":
                state = self.popped()
                if isinstance(self.stack[-1], Call):  # what a dict would get are attributes
                    self.stack[-1].state = state
            case _:
                self.stack.append(self.made(name, argument))

    def made(self, name: str, argument: Any) -> Any:
        """The value of an instruction that leaves one on the stack."""
        match name:
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                return _CONSTANTS[name]
            case "EMPTY_LIST" | "EMPTY_DICT":
                return [] if name == "EMPTY_LIST" else {}
            case "LIST" | "TUPLE":
                return self.marked() if name == "LIST" else tuple(self.marked())
            case "EMPTY_TUPLE" | "TUPLE1" | "TUPLE2" | "TUPLE3":
                count = ("EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3").index(name)
                return tuple(reversed([self.popped() for _ in range(count)]))
            case "DICT":
                return dict(_pairs(self.marked()))
            case "EMPTY_SET" | "FROZENSET" | "NEXT_BUFFER" | "EXT1" | "EXT2" | "EXT4":
                return Opaque(tuple(self.marked()) if name == "FROZENSET" else ())
            case "PERSID" | "BINPERSID":
                return Persistent(argument if name == "PERSID" else self.popped())
            case "GLOBAL":
                return Global(*argument.split(" ", 1))
            case "STACK_GLOBAL":
                attribute, module = self.popped(), self.popped()
                return Global(str(module), str(attribute)) if isinstance(module, str) else Opaque((module, attribute))
            case "REDUCE" | "NEWOBJ" | "NEWOBJ_EX" | "INST" | "OBJ":
                return self.called(name, argument)
            case _ if isinstance(argument, int) and argument.bit_length() > LONGEST_INTEGER:
                raise ValueError(f"an integer of {argument.bit_length()} bits")
            case _ if isinstance(argument, str | bytes | bytearray | int | float):
                return argument
        raise ValueError(f"unknown instruction {name}")

    def called(self, name: str, argument: Any) -> Any:
        """A note of the call; of the dicts that PyTorch writes, the dict."""
        match name:
            case "INST":
                callee, arguments = Global(*argument.split(" ", 1)), tuple(self.marked())
            case "OBJ":
                callee, *rest = self.marked()
                arguments = tuple(rest)
            case "NEWOBJ_EX":
                keywords, positional, callee = self.popped(), self.popped(), self.popped()
                arguments = (positional, keywords)
            case _:
                positional, callee = self.popped(), self.popped()
                arguments = positional if isinstance(positional, tuple) else (positional,)
        if isinstance(callee, Global) and (callee.module, callee.name) in _NAMED_DICTS:
            return self.copied_dict(arguments)
        return Call(callee, arguments)

    def copied_dict(self, arguments: tuple[Any, ...]) -> dict[Any, Any]:
        if not arguments:
            return {}
        (items,) = arguments
        if not isinstance(items, list):
            raise ValueError("a dict of no list")
        self.copied += len(items)  # the same list may be given to any number of dicts
        if self.copied > MOST_OPCODES:
            raise ValueError("it copies more than any real one")
        return {_key(key): value for key, value in items}

    def extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):  # what a class of its own does with them is not known
            self.stack[-1].extend(items)

    def update(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update(_pairs(items))

    def popped(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value should be")
        return value

    def marked(self) -> list[Any]:
        """Items above the last mark, taken off the stack together with it."""
        items = []
        while (value := self.stack.pop()) is not _MARK:
            items.append(value)
        return items[::-1]


def _pairs(items: list[Any]) -> list[tuple[Any, Any]]:
    return [(_key(key), value) for key, value in zip(items[::2], items[1::2], strict=True)]


def _key(key: Any) -> Any:
    """Scalars only: hashing what is nested a million deep would end the process."""
    return key if isinstance(key, _SCALARS) else Opaque((key,))
