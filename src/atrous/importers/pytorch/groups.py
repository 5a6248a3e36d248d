"""Every dict of tensors inside a checkpoint, whatever a training tool has wrapped around it."""

import re
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from atrous.errors import InputError
from atrous.importers.pytorch.pickle_machine import Call, Global

MOST_TENSORS = 100_000
MOST_NESTED = 64
LONGEST_NAME = 1000
MOST_VALUES = 1_000_000
"""Values of a checkpoint that are looked at."""

FEWEST_NAMES = 20
"""Tensors that a network has at least, where a beginning of names is taken for one."""

MOST_PARTS = 6
"""Parts of names that wrappers put before those of a network."""

_INSIDE = re.compile(r"\b(_fsdp_wrapped_module|_checkpoint_wrapped_module|_orig_mod)\.")
"""Parts that FSDP, activation checkpointing and `torch.compile` put into the middle of names."""

_PADDLE = {"._mean": ".running_mean", "._variance": ".running_var"}
"""Endings of the statistics of Paddle's batch norms, whose other names are PyTorch's."""

_TUPLES = (Global("builtins", "tuple"), Global("__builtin__", "tuple"))

_TENSOR = ("_rebuild_", "_reconstruct", "_frombuffer")


@dataclass(frozen=True)
class Group:
    """Tensors that lie together in a checkpoint.

    Attributes:
        key: The keys that lead to them, joined by dots; empty for the checkpoint itself.
        tensors: Values that stand for tensors, by their names.
    """

    key: str
    tensors: Mapping[str, Any]

    @property
    def names(self) -> set[str]:
        """Names of the tensors, those of pruned ones without their ending."""
        pruned = {name.removesuffix("_mask") for name in self.tensors if name.endswith("_mask")}
        plain = {name for name in self.tensors if not name.endswith("_mask")}
        return {name.removesuffix("_orig") if name.removesuffix("_orig") in pruned else name for name in plain}

    def within(self, prefix: str) -> "Group":
        """The tensors whose names begin with a prefix, without it."""
        inside = {name[len(prefix) :]: value for name, value in self.tensors.items() if name.startswith(prefix)}
        return Group(".".join(filter(None, (self.key, prefix.rstrip(".")))), inside)


def groups(value: Any) -> list[Group]:
    """Find every dict of tensors and every pickled module in a value, outer ones first.

    Raises:
        InputError: If it holds more values or modules than any real checkpoint.
    """
    found: list[Group] = []
    waiting: deque[tuple[str, Any, int]] = deque([("", value, 0)])
    seen: set[int] = set()
    looked_at = 0
    while waiting:
        key, item, depth = waiting.popleft()
        if id(item) in seen or depth > MOST_NESTED:
            continue
        seen.add(id(item))
        if isinstance(item, Call) and is_module(item):
            tensors = dict(_parameters(item, visits=iter(range(MOST_TENSORS))))
        elif isinstance(item, dict):
            tensors = {name: each for name, each in item.items() if isinstance(name, str) and is_tensor(each)}
        else:
            tensors = {}
        if tensors:
            found.append(Group(key, {_common_name(name): each for name, each in tensors.items()}))
        for name, child in _children(item):
            looked_at += 1
            if looked_at > MOST_VALUES:
                raise InputError(f"a checkpoint of more than {MOST_VALUES} values, as no real one has")
            if isinstance(child, dict | list | tuple | Call) and not is_tensor(child):
                waiting.append((f"{key}.{name}".lstrip(".")[:LONGEST_NAME], child, depth + 1))
    return found


def _common_name(name: str) -> str:
    """Name of a tensor without what wrappers put into its middle, and as PyTorch ends it."""
    name = _INSIDE.sub("", name)
    ending = name[name.rfind(".") :]
    return name.removesuffix(ending) + _PADDLE[ending] if ending in _PADDLE else name


def prefixes(names: Collection[str]) -> list[str]:
    """Beginnings of names that may be a network's: none first, then one part of the names, two, up to six."""
    counts: dict[str, int] = {}
    for name in names:
        parts = name.split(".", MOST_PARTS)
        for count in range(1, len(parts)):
            prefix = ".".join(parts[:count]) + "."
            counts[prefix] = counts.get(prefix, 0) + 1
    large = [prefix for prefix, count in counts.items() if count >= FEWEST_NAMES]
    return ["", *sorted(large, key=lambda prefix: prefix.count("."))[:64]]


def is_tensor(value: Any) -> bool:
    """Return True if a value of a pickle stands for a tensor."""
    if isinstance(value, Call) and value.callee in _TUPLES:
        match value.arguments:
            case ((str(), Call() as array),):  # Paddle's tensor: its name and an array
                return str(getattr(array.callee, "name", "")).startswith(_TENSOR)
        return False
    return isinstance(value, Tensor) or (
        isinstance(value, Call) and str(getattr(value.callee, "name", "")).startswith(_TENSOR)
    )


def is_module(value: Call) -> bool:
    """Return True if a value of a pickle stands for a module: of PyTorch, or of a TorchScript program."""
    if not isinstance(value.state, dict):
        return False
    return _is_compiled(value) or any(isinstance(value.state.get(kind), dict) for kind in ("_parameters", "_modules"))


def _is_compiled(value: Call) -> bool:
    """Return True for a module of a TorchScript program."""
    return isinstance(value.callee, Global) and value.callee.module.startswith("__torch__")


def _children(item: Any) -> Iterator[tuple[Any, Any]]:
    match item:
        case dict():
            yield from item.items()
        case list() | tuple():
            yield from enumerate(item)
        case Call() if not is_module(item):
            yield from enumerate(item.arguments)
            if item.state is not None:
                yield "state", item.state


def _parameters(module: Any, *, visits: Iterator[int], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Tensors of a whole model that was pickled, from the state of its modules."""
    if depth > MOST_NESTED or not isinstance(module, Call) or not isinstance(module.state, dict):
        raise InputError("a pickled object that is no model; save model.state_dict()")
    state = module.state
    if _is_compiled(module):  # its tensors and modules lie side by side
        tensors = {name: value for name, value in state.items() if is_tensor(value)}
        modules = {name: value for name, value in state.items() if isinstance(value, Call) and is_module(value)}
        yield from _named(tensors, prefix=prefix, visits=visits)
    else:
        for kind in ("_parameters", "_buffers"):
            yield from _named(state.get(kind), prefix=prefix, visits=visits)
        modules = state.get("_modules")
    for name, child in _named(modules, prefix=prefix, visits=visits):
        yield from _parameters(child, visits=visits, prefix=f"{name}.", depth=depth + 1)


def _named(things: Any, *, prefix: str, visits: Iterator[int]) -> Iterator[tuple[str, Any]]:
    """Tensors or modules by their whole names; as modules may be shared, few bytes can ask for any number of visits."""
    for name, thing in things.items() if isinstance(things, dict) else ():
        if next(visits, None) is None:
            raise InputError(f"a model of more than {MOST_TENSORS} modules and tensors, as no real one has")
        if not isinstance(name, str) or len(prefix) + len(name) > LONGEST_NAME:
            raise InputError(f"a model whose parts have names of more than {LONGEST_NAME} characters, or none")
        if thing is not None:
            yield f"{prefix}{name}", thing
