"""Memory that this process may use: that of the machine, or of its control group (Linux), which containers limit."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_UNKNOWN_MEMORY = 2**33
_GROUPS, _GROUPS_OF_THIS_PROCESS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def memory_limit() -> int:
    """Return the memory of the machine in bytes, or the smallest limit of a control group that holds this process."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        memory = _UNKNOWN_MEMORY
    return min([memory, *_group_limits()])


def _group_limits() -> Iterator[int]:
    """The limits that can be read, of the groups of this process and of those around them; see cgroups(7)."""
    for folder, name in _group_folders():
        for group in (folder, *folder.parents):
            with suppress(OSError, ValueError):  # no such file, or the word max
                limit = int((group / name).read_text())
                if limit > 0:
                    yield limit
            if group == _GROUPS:
                break


def _group_folders() -> Iterator[tuple[Path, str]]:
    """Folder and file name of the memory limit, by version 2 and version 1 of control groups."""
    lines = list[str]()
    with suppress(OSError, ValueError):
        lines = _GROUPS_OF_THIS_PROCESS.read_text().splitlines()
    for line in lines:
        controllers, _, group = line.partition(":")[2].partition(":")
        if not controllers:
            yield _GROUPS / group.strip("/"), "memory.max"
        elif "memory" in controllers.split(","):
            yield _GROUPS / "memory" / group.strip("/"), "memory.limit_in_bytes"
