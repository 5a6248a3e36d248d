"""Crops that show chosen classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.data.loader import training_batches
from atrous.data.sample import Sample
from atrous.data.transforms.scale_crop import ClassFocus, ScaleCrop
from atrous.labels import LabelSpace
from fakes.memory_data import MemoryData

IGNORE = 9


def sample(labels: np.ndarray) -> Sample:
    return Sample("one", np.repeat(labels[..., None], 3, axis=2), labels)


def crop(focus: ClassFocus | None, *, size=(5, 5), scales=(1.0,)) -> ScaleCrop:
    return ScaleCrop(size=size, fill=(0, 0, 0), ignore=IGNORE, scales=scales, focus=focus)


@given(
    seed=st.integers(0, 10**6),
    old=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    scale=st.sampled_from([0.25, 0.5, 0.75, 1.0, 1.5, 2.0]),
)
def test_a_focused_crop_shows_a_wanted_class_whenever_scaling_leaves_a_pixel_of_it(seed, old, size, scale):
    generator = np.random.default_rng(seed)
    labels = np.where(generator.random(old) < 0.03, 3, generator.integers(0, 3, old)).astype(np.uint8)
    whole = crop(None, size=(80, 80), scales=(scale,))(sample(labels), generator).labels
    shown = crop(ClassFocus(1.0, (3,)), size=size, scales=(scale,))(sample(labels), generator).labels
    assert (shown == 3).any() == (whole == 3).any()


def test_every_pixel_and_every_place_that_holds_it_is_drawn_equally_often():
    labels = np.zeros((3, 9), np.uint8)
    labels[1, 2] = labels[1, 8] = 1
    generator = np.random.default_rng(0)
    focused = crop(ClassFocus(1.0, (1,)), size=(3, 3))
    picture = Sample("one", np.tile(np.arange(9, dtype=np.uint8)[None, :, None], (3, 1, 3)), labels)
    starts = [int(focused(picture, generator).image[0, 0, 0]) for _ in range(6000)]
    # Column 2 lies in the crops from 0, 1 and 2; column 8 in the last one alone, from 6.
    found = np.bincount(starts, minlength=7) / len(starts)
    assert found == pytest.approx([1 / 6, 1 / 6, 1 / 6, 0, 0, 0, 1 / 2], abs=0.02)


def test_classes_that_are_there_have_equal_chances_however_small_and_ignored_pixels_none():
    labels = np.zeros((20, 20), np.uint8)
    labels[0, 0], labels[:, 10:] = 2, IGNORE
    focus, generator = ClassFocus(1.0), np.random.default_rng(0)
    rows = [focus.pixel(labels, generator, ignore=IGNORE) for _ in range(2000)]
    found = [int(labels[row]) for row in rows if row is not None]
    assert len(found) == 2000
    assert np.bincount(found, minlength=3) / 2000 == pytest.approx([0.5, 0, 0.5], abs=0.05)
    only = ClassFocus(1.0, (1, 2, 4))
    assert {only.pixel(labels, generator, ignore=IGNORE) for _ in range(50)} == {(0, 0)}
    assert ClassFocus(1.0, (4,)).pixel(labels, generator, ignore=IGNORE) is None


def test_the_probability_is_that_of_a_focus():
    labels = np.zeros((100, 100), np.uint8)
    labels[50, 50] = 1
    generator = np.random.default_rng(0)
    focused = crop(ClassFocus(0.3, (1,)), size=(2, 2))
    shown = np.mean([(focused(sample(labels), generator).labels == 1).any() for _ in range(3000)])
    assert shown == pytest.approx(0.3, abs=0.03)


def test_images_without_labels_are_cropped_anywhere():
    image = np.zeros((9, 9, 3), np.uint8)
    focused = crop(ClassFocus(1.0, (1,)))
    assert focused(Sample("one", image, None), np.random.default_rng(0)).image.shape == (5, 5, 3)


def test_draws_are_a_matter_of_seed_and_number():
    generator = np.random.default_rng(0)
    samples = tuple(sample(generator.integers(0, 9, (30, 30), dtype=np.uint8)) for _ in range(3))
    data = MemoryData(LabelSpace.unnamed(9), samples)
    transforms = (crop(ClassFocus(0.5, (1, 2)), scales=(0.5, 1.0, 2.0)),)

    def batches(start: int, workers: int) -> list[np.ndarray]:
        stream = training_batches(data, transforms, batch_size=2, seed=5, start=start, stop=6, workers=workers)
        return [batch.labels.numpy() for batch in stream]

    whole, resumed = batches(0, 0), batches(4, 2)
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(whole[4:], resumed, strict=True))
