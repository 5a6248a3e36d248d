"""Threads of the doctor keep within their memory."""

import threading
import time

import numpy as np
import pytest
from PIL import Image

from atrous.data.doctor.parallel import bytes_of_pair, in_threads
from atrous.data.pairs import Pair


@pytest.mark.parametrize(("most", "together"), [(100, 1), (250, 2), (30, 1)])
def test_items_that_are_worked_on_take_no_more_than_all_may(monkeypatch, most, together):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    lock, working, seen, told = threading.Lock(), [], [], []

    def work(item):
        with lock:
            working.append(item)
            seen.append(len(working))
        time.sleep(0.01)
        with lock:
            working.remove(item)
        return item * item

    found = in_threads(
        work, range(12), bytes_of=lambda _: 100, tell=lambda done, whole: told.append((done, whole)), most_bytes=most
    )
    assert found == [number**2 for number in range(12)]
    assert 1 <= max(seen) <= together
    assert told[-1] == (12, 12)


def test_an_item_that_fails_gives_its_bytes_back():
    def work(item):
        raise ValueError(item)

    for _ in range(2):
        with pytest.raises(ValueError, match="0"):
            in_threads(work, range(4), bytes_of=lambda _: 10, tell=lambda *_: None, most_bytes=10)


def test_the_size_is_that_of_the_header(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((50, 200), np.uint8)).save(path)
    assert bytes_of_pair(Pair("a", path, path)) == 50 * 200 * 24
    assert bytes_of_pair(Pair("b", tmp_path / "b.png", path)) == 0
