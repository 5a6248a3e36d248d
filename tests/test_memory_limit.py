"""Memory limits of control groups, laid out as cgroups(7) describes them."""

import os

import pytest

from atrous import memory_limit as module
from atrous.memory_limit import memory_limit

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"memory.max": "1000\n"}, 1000),
        ("0::/user/job\n", {"user/memory.max": "2000", "user/job/memory.max": "max"}, 2000),
        ("0::/job\n", {"job/memory.max": "max", "memory.max": "max"}, MACHINE),
        ("5:cpu,cpuacct:/x\n4:memory:/box\n0::/\n", {"memory/box/memory.limit_in_bytes": "3000"}, 3000),
        ("4:memory:/of/the/host\n", {"memory/memory.limit_in_bytes": "4000"}, 4000),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, MACHINE),
        ("4:memory:/\n0::/\n", {"memory/memory.limit_in_bytes": "?", "memory.max": "0"}, MACHINE),
        ("nonsense\n", {"memory.max": "text"}, MACHINE),
        (None, {"memory.max": "1000"}, MACHINE),
    ],
)
def test_the_smallest_limit_counts(tmp_path, monkeypatch, groups, files, expected):
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text)
    if groups is not None:
        (tmp_path / "groups").write_text(groups)
    monkeypatch.setattr(module, "_GROUPS", tmp_path / "fs")
    monkeypatch.setattr(module, "_GROUPS_OF_THIS_PROCESS", tmp_path / "groups")
    assert memory_limit() == expected
