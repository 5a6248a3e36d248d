"""Optional dependencies: imported where they are needed, with the `pip install` line where they are missing."""

import importlib
import importlib.util
from types import ModuleType

from atrous.errors import InputError


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import a module that an extra of this package installs.

    Args:
        module: Dotted name of the module.
        extra: Name of the extra.
        purpose: The work that needs the module, such as `reading a.mat`; the error message begins with it.

    Raises:
        InputError: If the module is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise InputError(f"{purpose} needs {package}; install it with: pip install 'atrous[{extra}]'") from error


def installed(module: str) -> bool:
    """Return True if a module can be imported; for work that has a second way without it."""
    return importlib.util.find_spec(module) is not None
