"""Compile functions by numba, without Python's global interpreter lock, and cached on disk where possible."""

import logging
from collections.abc import Callable
from typing import Any

from numba import njit

_log = logging.getLogger(__name__)


def compiled(function: Callable) -> Callable:
    """Compile to machine code that lets other threads run; cached on disk if numba finds a folder that it may write to.

    Products and sums may be fused, which rounds once less: results may differ in the last digit between processors.
    """
    return _compiled(function, fastmath={"contract"})


def compiled_in_order(function: Callable) -> Callable:
    """Compile likewise, but round every operation as it is written: the same bytes on every machine."""
    return _compiled(function, fastmath=False)


def _compiled(function: Callable, *, fastmath: bool | set[str]) -> Callable:
    options = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        dispatcher = njit(cache=True, **options)(function)
    except RuntimeError:
        return njit(**options)(function)
    _rebuild_unreadable(dispatcher)
    return dispatcher


def _rebuild_unreadable(dispatcher: Any) -> None:
    """Compile anew where the cache on disk cannot be read: damaged, or written for other types of this package.

    Numba reads its files by pickle and lets any exception of that out. They lie beside the source, where only who may
    change the source can write.
    """
    file = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)  # numba has no public names for these
    load_index, load_data = getattr(file, "_load_index", None), getattr(file, "_load_data", None)
    if file is None or load_index is None or load_data is None:  # not cached, or another version of numba
        return
    path = getattr(file, "_index_path", "the cache")

    def index() -> dict:
        try:
            return load_index()
        except Exception as problem:
            _log.warning("machine code in %s cannot be read (%s) and is made anew", path, problem)
            return {}

    def data(name: str) -> Any:
        try:
            return load_data(name)
        except OSError:
            raise
        except Exception as problem:
            _log.warning("machine code in %s cannot be read (%s) and is made anew", path, problem)
            raise OSError(f"{name} cannot be read") from problem  # numba compiles then

    file._load_index, file._load_data = index, data
