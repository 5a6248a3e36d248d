"""Run lengths along the rows are told from those down the columns by what they draw."""

import csv

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from atrous.data.annotations.outlines import StartRuns
from atrous.data.dataset import open_data
from atrous.data.layouts.label_files.run_order import go_by_rows


def ellipse(size, place, radii):
    rows, columns = np.ogrid[: size[0], : size[1]]
    return ((rows - place[0]) / radii[0]) ** 2 + ((columns - place[1]) / radii[1]) ** 2 <= 1


def runs_of(inside, *, by_rows):
    """Starts from 1 and lengths, found pixel by pixel."""
    flat = inside.flatten("C" if by_rows else "F")
    padded = np.concatenate([[False], flat, [False]])
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    return StartRuns(tuple(int(n) + 1 for n in changes[::2]), tuple(map(int, changes[1::2] - changes[::2])))


@given(
    size=st.tuples(st.integers(24, 60), st.integers(24, 60)),
    place=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    radii=st.tuples(st.floats(3, 9), st.floats(3, 9)),
    by_rows=st.booleans(),
)
def test_no_ellipse_gives_the_wrong_order_and_most_give_the_right_one(size, place, radii, by_rows):
    inside = ellipse(size, (place[0] * size[0], place[1] * size[1]), radii)
    drawn = [(runs_of(inside, by_rows=by_rows), size)]
    assert go_by_rows(drawn) in (by_rows, None)
    if 0.3 < max(size) / min(size) % 1 < 0.7:  # near a whole ratio runs in the other order still touch each other
        assert go_by_rows(drawn) is by_rows
    if size[0] == size[1]:
        assert go_by_rows(drawn) is None


def test_runs_that_do_not_fit_say_nothing():
    assert go_by_rows([(StartRuns((1,), (600,)), (20, 25))]) is None
    assert go_by_rows([]) is None


@pytest.mark.parametrize("by_rows", [True, False])
def test_a_thing_of_one_run_does_not_tell_its_order(by_rows):
    size = (20, 50)
    line = np.zeros(size, dtype=bool)
    line[10, 5:25] = by_rows  # 42 edges, and about as many in the other order
    line[3:18, 30] = not by_rows
    assert go_by_rows([(runs_of(line, by_rows=by_rows), size)]) is None


@pytest.mark.parametrize("by_rows", [True, False])
def test_a_table_of_runs_is_read_in_its_order(tmp_path, by_rows):
    (tmp_path / "train").mkdir()
    rows, truth = [["id", "annotation"]], {}
    for number in range(6):
        size = (40, 96)
        inside = ellipse(size, (14 + 2 * number, 30 + 7 * number), (9, 6))
        truth[f"a{number}"] = inside
        Image.new("RGB", size[::-1], (number, 0, 0)).save(tmp_path / f"train/a{number}.png")
        runs = runs_of(inside, by_rows=by_rows)
        words = " ".join(f"{start} {length}" for start, length in zip(runs.starts, runs.lengths, strict=True))
        rows.append([f"a{number}", words])
    with (tmp_path / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    data = open_data(tmp_path, split="train")
    assert len(data) == 5  # a tenth, at least one, is held out
    for index in range(len(data)):
        name = f"a{data[index].image[0, 0, 0]}"
        np.testing.assert_array_equal(data[index].labels, truth[name].astype(np.uint8))
