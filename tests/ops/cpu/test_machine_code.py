"""Compiling where machine code cannot be kept on disk, and rounding in the order that is written."""

import sys

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
