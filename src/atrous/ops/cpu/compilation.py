"""Compile functions by numba, without Python's global interpreter lock, and cached on disk where possible."""

from collections.abc import Callable

from numba import njit


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
        return njit(cache=True, **options)(function)
    except RuntimeError:
        return njit(**options)(function)
