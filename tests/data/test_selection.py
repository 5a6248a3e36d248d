import numpy as np
import pytest

from atrous.data.sample import Sample
from atrous.data.selection import Selection, first_of
from atrous.errors import InputError
from atrous.labels import LabelSpace
from fakes.memory_data import MemoryData

DATA = MemoryData(
    LabelSpace.unnamed(2),
    tuple(Sample(name, np.full((2, 2, 3), ord(name), np.uint8), np.zeros((2, 2), np.uint8)) for name in "abc"),
)


def test_samples_come_in_the_order_chosen_as_often_as_chosen():
    chosen = Selection(DATA, (2, 0, 2), rule="favourites")
    assert list(chosen.names) == ["c", "a", "c"]
    assert [chosen[index].name for index in range(len(chosen))] == ["c", "a", "c"]
    assert chosen.describe() == {"name": "memory", "split": "val", "images": 3, "split_rule": "favourites"}


@pytest.mark.parametrize(("count", "kept"), [(1, "a"), (2, "ab"), (3, "abc"), (99, "abc")])
def test_the_first_few(count, kept):
    assert "".join(first_of(DATA, count).names) == kept
    assert first_of(first_of(DATA, count), 1).describe()["split_rule"] == f"the first 1 of the first {len(kept)}"


@pytest.mark.parametrize("count", [0, -3])
def test_none_is_refused(count):
    with pytest.raises(InputError, match=f"{count} images of memory are no data"):
        first_of(DATA, count)
