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
DAMAGES = [
    (suffix, damage)
    for suffix in (".nbi", ".nbc")
    for damage in (lambda _: b"\x80\x05nonsense", lambda content: content[:-20])
]


def test_a_damaged_cache_is_named_and_made_anew(tmp_path):
    """A module for each damage; three processes import them all, as starting one takes seconds."""
    for number in range(len(DAMAGES)):
        (tmp_path / f"module{number}.py").write_text(CACHED)
    script = "; ".join(f"import module{number}" for number in range(len(DAMAGES)))
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }

    def run():
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        assert done.stdout == "2\n" * len(DAMAGES)
        return done.stderr.splitlines()

    assert run() == []
    for number, (suffix, damage) in enumerate(DAMAGES):
        (cached,) = (tmp_path / "cache").rglob(f"module{number}.*{suffix}")
        cached.write_bytes(damage(cached.read_bytes()))
    told = "\n".join(line for line in run() if "cannot be read" in line)
    assert all(f"{cached.parent}/module{number}." in told for number in range(len(DAMAGES)))
    assert run() == []
