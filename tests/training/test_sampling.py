import re

import numpy as np
import pytest

from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.labels import PASCAL_VOC, LabelSpace
from atrous.training.sampling import HARD_CLASSES, SamplingConfig, bootstrapped, class_ids
from fakes.memory_data import MemoryData


def images(*shown: tuple[int, ...], space: LabelSpace = PASCAL_VOC) -> MemoryData:
    """An image per tuple that shows these labels."""
    labels = [np.array([list(ids)], np.uint8) for ids in shown]
    return MemoryData(
        space,
        tuple(Sample(f"i{n}", np.zeros((*ids.shape, 3), np.uint8), ids) for n, ids in enumerate(labels)),
    )


BICYCLE, CHAIR, SOFA, CAT = 2, 9, 18, 8


def test_images_with_a_hard_class_are_copied_and_the_rest_stays_once():
    data = images((0, CAT), (0, CHAIR), (255,), (SOFA, BICYCLE, 255))
    chosen = bootstrapped(data, SamplingConfig(hard_copies=3))
    assert list(chosen.names) == ["i0", "i1", "i1", "i1", "i2", "i3", "i3", "i3"]
    assert chosen.describe()["split_rule"].startswith("3 copies of the 2 images with bicycle, chair")
    assert len(bootstrapped(data, SamplingConfig(hard_copies=2, hard_classes=("cat",)))) == 5


def test_one_copy_reads_nothing():
    class Unreadable(MemoryData):
        def __getitem__(self, index):
            raise AssertionError("reads nothing")

    data = Unreadable(PASCAL_VOC, images((0,)).samples)
    assert bootstrapped(data, SamplingConfig()) is data


def test_of_the_papers_five_those_count_that_the_data_has():
    space = LabelSpace(("wall", "Potted-Plant", "lamp"))
    chosen = bootstrapped(images((0, 1), (2,), space=space), SamplingConfig(hard_copies=2))
    assert list(chosen.names) == ["i0", "i0", "i1"]
    with pytest.raises(InputError, match=r"no image of memory shows Potted-Plant; name other classes with"):
        bootstrapped(images((0, 2), space=space), SamplingConfig(hard_copies=2))
    with pytest.raises(InputError, match=r"the data has no bicycle, .*, sofa; name its hard classes with"):
        bootstrapped(images((0,), space=LabelSpace(("wall", "lamp"))), SamplingConfig(hard_copies=2))


def test_a_name_that_the_data_lacks_is_refused_with_those_it_has():
    data = images((0,), space=LabelSpace(("wall", "lamp")))
    with pytest.raises(InputError, match=re.escape("the data has no class 'lmap'; its classes: wall, lamp")):
        bootstrapped(data, SamplingConfig(hard_copies=2, hard_classes=("lmap",)))


def test_names_are_found_whatever_their_capitals_and_gaps():
    assert class_ids(("Dining table", "potted_plant"), space=PASCAL_VOC) == (11, 16)
    assert class_ids(HARD_CLASSES, space=PASCAL_VOC) == (2, 9, 11, 16, 18)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hard_copies": 0}, "hard copies 0 is out of range; choose 1 to 100"),
        ({"hard_copies": 101}, "hard copies 101"),
        ({"class_crops": 1.5}, "class crops 1.5 is out of range; choose 0 to 1"),
        ({"class_crops": float("nan")}, "class crops nan"),
    ],
)
def test_numbers_out_of_range_are_refused(fields, message):
    with pytest.raises(InputError, match=re.escape(message)):
        SamplingConfig(**fields)
