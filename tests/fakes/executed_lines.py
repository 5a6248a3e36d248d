"""Counted lines of Python, which tell how work grows with its input whatever the machine is busy with."""

import sys
from collections.abc import Callable
from types import FrameType


def count_lines(function: Callable[[], object]) -> int:
    """How many lines are executed while this function runs, in this thread; every turn of a loop counts."""
    counted = 0

    def trace(_frame: FrameType, event: str, _argument: object):
        nonlocal counted
        counted += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return counted
