"""What the benchmarks share: contenders take turns, and memory is what the kernel counts (Linux)."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from statistics import median


def in_turns(calls: dict[str, Callable], *, rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each, after a call to get warm."""
    seconds = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            begin = clock()
            call()
            seconds[name].append(clock() - begin)
    return {name: median(times) for name, times in seconds.items()}


def peak_growth(call: Callable) -> int:
    """Bytes by which the process grows at its peak during a call."""
    ctypes.CDLL(None).malloc_trim(0)  # what earlier calls left must not serve this one
    Path("/proc/self/clear_refs").write_text("5")  # forget earlier peaks
    before = memory("VmRSS")
    call()
    return memory("VmHWM") - before


def memory(field: str) -> int:
    """Bytes, as the kernel counts."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return 1024 * int(line.split()[1])
