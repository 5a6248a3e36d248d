"""Makes torchvision, and timm through it, importable beside a torch build that torchvision was not compiled for.

torchvision describes its compiled operators to torch when it is imported, which fails where their library cannot be
loaded. Declaring the operators first is enough: the networks that the tests compare with use none of them.
"""

import ast
import importlib
import importlib.util
import warnings
from pathlib import Path
from types import ModuleType

import torch

_OPERATORS = torch.library.Library("torchvision", "FRAGMENT")


def _described_operators(source: str) -> set[str]:
    """Names of the operators that a file of torchvision describes by decorators."""
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    calls = (call for function in functions for call in function.decorator_list if isinstance(call, ast.Call))
    names = (argument.value for call in calls for argument in call.args if isinstance(argument, ast.Constant))
    return {name.removeprefix("torchvision::") for name in names if isinstance(name, str)}


def _loads(library: Path) -> bool:
    try:
        torch.ops.load_library(library)
    except OSError:
        return False
    return True


def declare_operators() -> None:
    """Declare the operators that torchvision describes, where it is installed; it can be imported from then on."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    if any(map(_loads, Path(spec.origin).parent.glob("_C*.so"))):
        return  # torch is the build that torchvision was compiled for; a second declaration would end the process
    source = Path(spec.origin).with_name("_meta_registrations.py").read_text()
    for operator in sorted(_described_operators(source)):
        if not hasattr(torch.ops.torchvision, operator):
            _OPERATORS.define(f"{operator}(Tensor x) -> Tensor")


def import_module(name: str) -> ModuleType:
    """Import torchvision, timm or a module of theirs."""
    declare_operators()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)
