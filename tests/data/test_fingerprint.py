"""A fingerprint changes with whatever changes the meaning or the files of a data set, and with nothing else."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atrous.data.cache import CachedDataSet
from atrous.data.fingerprint import fingerprint
from atrous.data.pairs import Pair, PairedFiles
from atrous.data.schema import Schema
from atrous.data.selection import first_of
from atrous.errors import InputError
from atrous.labels import LabelSpace


@pytest.fixture
def data(tmp_path) -> PairedFiles:
    pairs = []
    for name in ("a", "b"):
        pair = Pair(name, tmp_path / f"{name}.jpg", tmp_path / f"{name}.png")
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(pair.image)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(pair.mask)
        pairs.append(pair)
    return PairedFiles("d", "train", "all", "none", Schema(LabelSpace(("x", "y"))), tuple(pairs))


def changed(data: PairedFiles) -> dict[str, PairedFiles]:
    return {
        "renamed class": replace(data, schema=Schema(LabelSpace(("x", "z")))),
        "ignore": replace(data, schema=Schema(LabelSpace(("x", "y"), ignore=200))),
        "remap": replace(data, schema=Schema(LabelSpace(("x", "y")), remap={0: 1, 1: 0})),
        "order": replace(data, pairs=data.pairs[::-1]),
        "fewer": replace(data, pairs=data.pairs[:1]),
    }


@pytest.mark.parametrize("contents", [False, True])
def test_meaning_and_order_count(data, contents):
    prints = [fingerprint(one, contents=contents) for one in (data, *changed(data).values())]
    assert len({*prints}) == 6
    assert fingerprint(data, contents=contents) == prints[0]


@pytest.mark.parametrize("contents", [False, True])
def test_a_replaced_mask_counts(data, contents):
    before = fingerprint(data, contents=contents)
    Image.fromarray(np.ones((4, 4), np.uint8)).save(data.pairs[1].mask)
    os.utime(data.pairs[1].mask, ns=(0, 1_700_000_000_000_000_000))
    assert fingerprint(data, contents=contents) != before


def test_contents_are_equal_for_a_copy_of_other_age(data):
    times, contents = fingerprint(data), fingerprint(data, contents=True)
    os.utime(data.pairs[0].image, ns=(0, 5))
    assert fingerprint(data) != times
    assert fingerprint(data, contents=True) == contents


def test_a_cache_has_the_fingerprint_of_its_source_and_a_selection_another(data):
    assert fingerprint(CachedDataSet(data)) == fingerprint(data)
    assert fingerprint(first_of(data, 1)) != fingerprint(data)


def test_a_missing_file_is_named(data):
    Path(data.pairs[0].mask).unlink()
    with pytest.raises(InputError, match=r"a\.png"):
        fingerprint(data)
