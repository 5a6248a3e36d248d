"""Compiling where machine code cannot be kept on disk, and rounding in the order that is written."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from atrous.ops.cpu.compilation import compiled, compiled_in_order

MODULE = sys.modules["atrous.ops.cpu.compilation"]


@pytest.mark.parametrize("kind", [compiled, compiled_in_order])
def test_it_is_kept_on_disk_only_where_there_is_a_place(monkeypatch, kind):
    njit = MODULE.njit

    def without_a_place(*, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(MODULE, "njit", without_a_place)
    assert kind(lambda x: x + 1)(1) == 2


def test_in_order_means_that_nothing_is_fused():
    """A fused product keeps the 2^-46 that rounding it first loses."""

    def residue(one, other, sums, into):
        for i in range(len(one)):
            into[i] = one[i] * other[i] - sums[i]

    values = np.full(64, 1 + 2.0**-23, np.float32)
    rounded, into = values * values, np.empty(64, np.float32)
    compiled_in_order(residue)(values, values, rounded, into)
    assert not into.any()


def test_another_version_of_numba_keeps_its_cache(monkeypatch):
    """Its files have no public interface: where the two functions that read them are missing, they stay as they are."""
    njit = MODULE.njit

    def with_other_names(**options):
        def compile_without(function):
            dispatcher = njit(**options)(function)
            dispatcher._cache = SimpleNamespace(_cache_file=SimpleNamespace())
            return dispatcher

        return compile_without

    monkeypatch.setattr(MODULE, "njit", with_other_names)
    assert callable(compiled(lambda x: x + 1))


CACHED = """
from atrous.ops.cpu.compilation import compiled

@compiled
def successor(x):
    return x + 1

print(successor(1))
"""


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_damaged_cache_is_named_and_made_anew(tmp_path, suffix):
    script = tmp_path / "cached.py"
    script.write_text(CACHED)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}

    def run():
        return subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, env=environment)

    assert run().stdout == "2\n"
    (cached,) = (tmp_path / "cache").rglob(f"*{suffix}")
    for content in (b"\x80\x05nonsense", cached.read_bytes()[:-20]):
        cached.write_bytes(content)
        damaged = run()
        assert damaged.stdout == "2\n"
        assert f"{cached.parent}" in damaged.stderr
        assert "cannot be read" in damaged.stderr
        assert run().stderr == ""
