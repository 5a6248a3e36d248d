"""Python compiled for a CPU, as the kernels here want it."""

from collections.abc import Callable

from numba import njit


def compiled(function: Callable) -> Callable:
    """Machine code that lets other threads run; kept on disk where numba finds a folder to write to."""
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:
        return njit(**options)(function)
