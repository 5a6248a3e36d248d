"""What a command asks of the memory allocator: it is the whole process's, so the library leaves it alone."""

import ctypes
import os
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of glibc's `malloc.h`; their variables in the environment are `MALLOC_TRIM_THRESHOLD_` and so on."""


def keep_freed_memory() -> None:
    """Have glibc (2.35 or so, and later) keep what is freed for the next map, unless the environment says otherwise.

    Left to itself it gives maps over 32 MiB back to the system at once, which clears every page of the next one: a
    quarter of the time of a training step. Earlier versions refuse; other C libraries stay as they are.
    """
    if any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get("GLIBC_TUNABLES", ""):
        return
    with suppress(AttributeError, OSError, TypeError):  # not glibc; no such library; Windows
        mallopt = ctypes.CDLL(None).mallopt
        if mallopt(_MMAP_THRESHOLD, 1 << 30):  # the other one alone would have even small maps given back
            mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
