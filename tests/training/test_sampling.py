import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from atrous.data.published.camvid import CAMVID
from atrous.data.sample import Sample
from atrous.data.transforms.degradation import RandomDegradation
from atrous.errors import InputError
from atrous.labels import PASCAL_VOC, LabelSpace
from atrous.model.conventions import PYTORCH, TENSORFLOW, Conventions
from atrous.model.preprocess import Preprocess
from atrous.training.sampling import (
    HARD_CLASSES,
    SamplingConfig,
    bootstrapped,
    class_counts,
    class_ids,
    training_transforms,
)
from fakes.memory_data import MemoryData
from fakes.run import CONFIG, small_data


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


@pytest.mark.parametrize("conventions", [TENSORFLOW, PYTORCH, Conventions(input_mean=(200.0,))])
def test_padding_is_what_the_model_normalises_to_zero_and_nobody_counts(conventions):
    config = replace(CONFIG, crop=(9, 7), scales=(1.0,), flip_probability=0.0)
    sample = Sample("small", np.full((4, 5, 3), 10, np.uint8), np.full((4, 5), 2, np.uint8))
    for transform in training_transforms(config, conventions, space=LabelSpace(("a", "b", "c"), ignore=77)):
        sample = transform(sample, np.random.default_rng(0))
    inside = np.zeros((9, 7), bool)
    inside[:4, :5] = True
    assert (sample.labels == np.where(inside, 2, 77)).all()
    assert (sample.image[inside] == 10).all()
    seen = Preprocess(conventions, in_channels=3)(
        torch.from_numpy(sample.image).permute(2, 0, 1)[None], output_stride=16
    )
    padding = seen[0, :, :9, :7].permute(1, 2, 0)[torch.from_numpy(~inside)]
    assert padding.abs().max() <= 0.5 / min(conventions.input_std)  # pixels are whole numbers


def test_the_order_is_the_official_one_and_changes_of_colour_are_extra():
    names = [type(transform).__name__ for transform in training_transforms(CONFIG, TENSORFLOW, space=CAMVID)]
    assert names == ["ScaleCrop", "RandomFlip"]
    *_, last = training_transforms(replace(CONFIG, jitter=0.2), TENSORFLOW, space=CAMVID)
    assert (last.brightness, last.contrast, last.saturation, last.hue) == pytest.approx((0.2, 0.2, 0.2, 0.02))
    *_, last = training_transforms(replace(CONFIG, jitter=0.2, degradation=0.4), TENSORFLOW, space=CAMVID)
    assert last == RandomDegradation(0.4)


def test_counts_leave_the_ignored_out(tmp_path):
    data = small_data(tmp_path)
    expected = np.zeros((len(data), 11), dtype=int)
    for index in range(len(data)):
        for label in data[index].labels.ravel():
            if label != 11:
                expected[index, label] += 1
    assert class_counts(data).tolist() == expected.tolist()


def test_each_image_has_a_row_of_its_own_even_without_labels():
    picture = np.zeros((1, 3, 3), np.uint8)
    shown = [[[0, 2, 255]], [[255, 255, 255]], [[1, 1, 1]], None]
    labels = [None if ids is None else np.array(ids, np.uint8) for ids in shown]
    data = MemoryData(LabelSpace.unnamed(3), tuple(Sample(str(n), picture, ids) for n, ids in enumerate(labels)))
    assert class_counts(data).tolist() == [[1, 0, 1], [0, 0, 0], [0, 3, 0], [0, 0, 0]]
