"""Libraries that only some work needs: imported when it is asked for, named when they are missing."""

import importlib
import importlib.util
from types import ModuleType

from atrous.errors import InputError


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import a module of an extra.

    Args:
        module: Its dotted name.
        extra: The extra of this package that installs it.
        purpose: What cannot be done without it, such as `reading a.mat`.

    Raises:
        InputError: If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise InputError(f"{purpose} needs {package}; install it with: pip install 'atrous[{extra}]'") from error


def installed(module: str) -> bool:
    """Whether a module can be imported; for work that can be done another way."""
    return importlib.util.find_spec(module) is not None
