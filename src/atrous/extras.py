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
        InputError: If the module is not installed, or is and cannot be imported: often because it, or a library that it
            imports, was built for another version of torch.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except Exception as error:  # libraries with compiled parts fail in ways of their own
        if isinstance(error, ModuleNotFoundError) and f"{error.name}".partition(".")[0] == package:
            raise InputError(f"{purpose} needs {package}; install it with: pip install 'atrous[{extra}]'") from error
        reason = f"{error}".strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"{purpose} needs {package}, which is installed but cannot be imported ({reason}); install it again, in a "
            "version that fits the others"
        ) from error


def installed(module: str) -> bool:
    """Return True if a module can be imported; for work that has a second way without it."""
    return importlib.util.find_spec(module) is not None
