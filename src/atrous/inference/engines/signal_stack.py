"""The alternate signal stack of a thread, which OpenVINO replaces by one of its own.

Each of OpenVINO's plugins for CPUs sets an alternate stack when it is loaded, and unmaps it when it goes. Where plugins
go in the order in which they came, or in another thread, the thread keeps the address of a stack that is no longer
there, and the next signal whose handler is written in Python ends the process without a message: an interrupt, or the
end of a child once a data loader of torch has had workers. Seen with OpenVINO 2026.4.1 on Linux.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class SignalStack(ctypes.Structure):
    """`stack_t` of Linux: address, flags and size in bytes."""

    _fields_ = (("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def signal_stack() -> SignalStack:
    """Return this thread's alternate signal stack; the flag 2 says that there is none."""
    stack = SignalStack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    return stack


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Give this thread the alternate signal stack back that it had before, as a context or a decorator.

    Outside Linux, where OpenVINO sets none, nothing is done.
    """
    if sys.platform != "linux":
        yield
        return
    before = signal_stack()
    try:
        yield
    finally:
        ctypes.CDLL(None).sigaltstack(ctypes.byref(before), None)
