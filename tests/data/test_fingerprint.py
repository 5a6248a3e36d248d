"""A fingerprint changes with whatever changes the meaning or the files of a data set, and with nothing else."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atrous.data.cache import CachedDataSet
from atrous.data.fingerprint import Fingerprint, fingerprint, reconciled
from atrous.data.joined import JoinedData
from atrous.data.pairs import Pair, PairedFiles
from atrous.data.schema import Schema
from atrous.data.selection import first_of
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.plain import first_difference, to_plain


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


def test_meaning_and_order_count(data):
    prints = [fingerprint(one) for one in (data, *changed(data).values())]
    assert len({one.times for one in prints}) == len({one.contents for one in prints}) == 6
    assert fingerprint(data) == prints[0]


def test_a_replaced_mask_counts(data):
    before, status = fingerprint(data), data.pairs[1].mask.stat()
    changed_bytes = bytearray(data.pairs[1].mask.read_bytes())
    changed_bytes[-20] ^= 1
    data.pairs[1].mask.write_bytes(changed_bytes)
    os.utime(data.pairs[1].mask, ns=(0, 1_700_000_000_000_000_000))
    assert fingerprint(data).times != before.times
    assert fingerprint(data).contents != before.contents
    os.utime(data.pairs[1].mask, ns=(0, status.st_mtime_ns))
    assert fingerprint(data).times == before.times  # size and time are the same: only contents tell
    assert differ(before, fingerprint(data))


def differ(saved, now) -> bool:
    """Whether a saved fingerprint differs from that of now in what decides."""
    now = to_plain(now)
    return reconciled(to_plain(saved), now) != now


def test_a_copy_of_other_age_is_the_same_data_unless_it_is_large(data):
    now, large = fingerprint(data), fingerprint(data, read_at_most=10)
    assert large == Fingerprint(now.times, None)
    os.utime(data.pairs[0].image, ns=(0, 5))
    copy, large_copy = fingerprint(data), fingerprint(data, read_at_most=10)
    assert copy.times != now.times
    assert copy.contents == now.contents
    assert not differ(now, copy)
    assert differ(large, large_copy)
    assert not differ(large, now)  # read by one only: times decide
    assert differ(large, copy)
    assert differ(now, large_copy)
    assert not differ(now.times, now)  # as older run folders have it
    assert differ(now.times, copy)
    assert not differ(None, None)
    assert differ(None, now)
    assert differ(now, None)
    for hostile in (3, [], {}, {"times": 3}, {"contents": []}, {"contents": 1, "times": now.times}):
        assert differ(hostile, now)


def test_the_difference_is_named_by_what_decides(data):
    before = to_plain(fingerprint(data))
    Image.fromarray(np.full((4, 4), 1, np.uint8)).save(data.pairs[1].mask)
    now = to_plain(fingerprint(data))
    assert first_difference(reconciled(before, now), now) == ("contents", before["contents"], now["contents"])
    large = {**now, "contents": None}
    assert first_difference(reconciled(before, large), large) == ("times", before["times"], now["times"])


def test_files_are_read_up_to_the_limit_itself(data):
    size = sum(path.stat().st_size for pair in data.pairs for path in (pair.image, pair.mask))
    assert fingerprint(data, read_at_most=size).contents is not None
    assert fingerprint(data, read_at_most=size - 1).contents is None


def test_joined_data_have_the_fingerprint_of_each_part(data):
    part, joined = fingerprint(data), fingerprint(JoinedData((data, data)))
    assert joined == Fingerprint(f"{part.times} {part.times}", f"{part.contents} {part.contents}")


def test_files_count_through_selections_of_joined_data(data):
    def folds():
        return fingerprint(first_of(JoinedData((data, data)), 3))

    before = folds()
    os.utime(data.pairs[1].image, ns=(0, 5))
    assert folds().times != before.times
    assert folds().contents == before.contents
    Image.fromarray(np.full((4, 4, 3), 9, np.uint8)).save(data.pairs[1].image)
    assert folds().contents != before.contents


def test_a_second_mask_counts(data, tmp_path):
    view = tmp_path / "view.png"
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(view)
    seen = replace(data, pairs=(replace(data.pairs[0], ignore=view), data.pairs[1]))
    before = fingerprint(seen)
    assert before != fingerprint(data)
    Image.fromarray(np.ones((4, 4), np.uint8)).save(view)
    assert fingerprint(seen).contents != before.contents


def test_a_cache_has_the_fingerprint_of_its_source_and_a_selection_another(data):
    assert fingerprint(CachedDataSet(data)) == fingerprint(data)
    assert fingerprint(first_of(data, 1)) != fingerprint(data)


def test_a_missing_file_is_named(data):
    Path(data.pairs[0].mask).unlink()
    with pytest.raises(InputError, match=r"a\.png"):
        fingerprint(data)
