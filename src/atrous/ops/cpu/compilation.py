"""Functions compiled by numba: without the interpreter's lock, and kept on disk where there is a place."""

from collections.abc import Callable

from numba import njit


def compiled(function: Callable) -> Callable:
    """Machine code that lets other threads run; kept on disk where numba finds a folder to write to.

    Products and sums may be fused, which rounds once less: results may differ in the last digit between processors.
    """
    return _compiled(function, fastmath={"contract"})


def compiled_in_order(function: Callable) -> Callable:
    """The same, with every operation rounded as it is written: the same bytes on every machine."""
    return _compiled(function, fastmath=False)


def _compiled(function: Callable, *, fastmath: bool | set[str]) -> Callable:
    options = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:
        return njit(**options)(function)
