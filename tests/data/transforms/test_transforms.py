import cmath
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from atrous.data.sample import Sample
from atrous.data.transforms.flip_and_color import PhotometricJitter, RandomFlip
from atrous.data.transforms.scale_crop import PAPER_SCALES, ScaleCrop

FILL, IGNORE = (1, 2, 3), 255


def noise(height, width, *, seed=0, classes=7) -> Sample:
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Sample("noise", image, generator.integers(0, classes, (height, width), dtype=np.uint8))


def coded(height, width, *, seed=0) -> Sample:
    """A picture whose red channel shows the label wherever neighbours agree: blocks of 20 * label."""
    labels = np.random.default_rng(seed).integers(0, 12, (-(-height // 8), -(-width // 8)), dtype=np.uint8)
    labels = labels.repeat(8, 0).repeat(8, 1)[:height, :width]
    return Sample("coded", np.repeat(labels[..., None] * 20, 3, axis=2), labels)


class Fixed(np.random.Generator):
    """A generator whose choices are given."""

    def __init__(self, *choices):
        super().__init__(np.random.PCG64(0))
        self.choices = list(choices)

    def integers(self, high):
        choice = self.choices.pop(0)
        assert 0 <= choice < high
        return choice

    def random(self):
        return self.choices.pop(0)

    def uniform(self, low, high):
        choice = self.choices.pop(0)
        assert low <= choice <= high
        return choice


def plainly(sample, *, scale, size, top, left):
    """Resize everything, pad, crop: the definition."""
    height, width = (max(1, int(old * scale)) for old in sample.image.shape[:2])
    image = torch.from_numpy(sample.image).permute(2, 0, 1)[None].double()
    image = F.interpolate(image, size=(height, width), mode="bilinear", align_corners=True)[0].permute(1, 2, 0).numpy()
    indices = [
        [math.floor(i * (old - 1) / max(new - 1, 1) + 0.5) for i in range(new)]
        for old, new in zip(sample.image.shape[:2], (height, width), strict=True)
    ]
    labels = sample.labels[indices[0]][:, indices[1]]
    canvas = np.zeros((max(height, size[0]), max(width, size[1]), 3)) + FILL
    canvas[:height, :width] = image
    mask = np.full(canvas.shape[:2], IGNORE)
    mask[:height, :width] = labels
    window = np.s_[top : top + size[0], left : left + size[1]]
    return canvas[window], mask[window]


@settings(max_examples=200)
@given(
    old=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    size=st.tuples(st.integers(1, 48), st.integers(1, 48)),
    scale=st.sampled_from([*PAPER_SCALES, 0.1, 1.1, 3.7]),
    data=st.data(),
)
def test_crop_equals_resizing_everything_first(old, size, scale, data):
    sample = noise(*old)
    top, left = (data.draw(st.integers(0, max(0, max(1, int(n * scale)) - c))) for n, c in zip(old, size, strict=True))
    crop = ScaleCrop(size, FILL, IGNORE, (0.3, scale))(sample, Fixed(1, top, left))
    image, labels = plainly(sample, scale=scale, size=size, top=top, left=left)
    assert np.abs(crop.image - image).max() <= 0.5 + 1e-3  # rounded to the nearest grey level
    np.testing.assert_array_equal(crop.labels, labels)


def test_nearest_label_by_hand():
    """Five pixels to nine: sources 0, .5, 1, ... 4 with halves up; to three: 0, 2, 4."""
    sample = Sample("row", np.zeros((1, 5, 3), np.uint8), np.array([[5, 6, 7, 8, 9]], np.uint8))
    grown = ScaleCrop((1, 9), FILL, IGNORE, (1.8,))(sample, Fixed(0, 0, 0))
    assert grown.labels.tolist() == [[5, 6, 6, 7, 7, 8, 8, 9, 9]]
    shrunk = ScaleCrop((1, 3), FILL, IGNORE, (0.6,))(sample, Fixed(0, 0, 0))
    assert shrunk.labels.tolist() == [[5, 7, 9]]


def test_padding_is_below_and_to_the_right_and_says_so():
    crop = ScaleCrop((4, 5), FILL, IGNORE, (1.0,))(noise(3, 3), np.random.default_rng(0))
    np.testing.assert_array_equal(crop.image[:3, :3], noise(3, 3).image)
    outside = np.ones((4, 5), bool)
    outside[:3, :3] = False
    assert (crop.image[outside] == FILL).all()
    assert (crop.labels[outside] == IGNORE).all()


def test_mirrored_padding_shows_the_image_backwards_and_is_ignored():
    sample = noise(5, 4)
    plain = ScaleCrop((8, 6), FILL, IGNORE, (1.0,))(sample, np.random.default_rng(0))
    crop = ScaleCrop((8, 6), FILL, IGNORE, (1.0,), mirrored=True)(sample, np.random.default_rng(0))
    np.testing.assert_array_equal(crop.image, np.pad(sample.image, ((0, 3), (0, 2), (0, 0)), mode="reflect"))
    np.testing.assert_array_equal(crop.labels, plain.labels)
    tiny = ScaleCrop((4, 4), FILL, IGNORE, (1.0,), mirrored=True)(noise(1, 2), np.random.default_rng(0))
    np.testing.assert_array_equal(tiny.image, noise(1, 2).image[[0, 0, 0, 0]][:, [0, 1, 0, 0]])


@given(
    old=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    seed=st.integers(0, 2**32),
)
def test_no_transform_invents_a_label(old, size, seed):
    generator = np.random.default_rng(seed)
    sample = noise(*old, seed=seed)
    allowed = {*np.unique(sample.labels), IGNORE}
    for transform in (ScaleCrop(size, FILL, IGNORE), PhotometricJitter(0.5, 0.5, 0.5, 0.5), RandomFlip()):
        sample = transform(sample, generator)
    assert set(np.unique(sample.labels)) <= allowed
    assert sample.image.shape == (*size, 3)
    assert sample.labels.shape == size
    assert sample.labels.dtype == np.uint8


@given(seed=st.integers(0, 2**32))
def test_image_and_labels_stay_aligned(seed):
    generator = np.random.default_rng(seed)
    sample = coded(64, 80, seed=seed)
    for transform in (ScaleCrop((41, 53), FILL, 12), RandomFlip()):
        sample = transform(sample, generator)
    red, labels = sample.image[..., 0].astype(int), sample.labels
    padding = labels == 12
    assert (sample.image[padding] == FILL).all()
    # Where all labels around are equal, all four source pixels of the blend have that label's colour.
    around = np.lib.stride_tricks.sliding_window_view(labels, (5, 5)).reshape(37, 49, 25)
    same = (around == around[..., :1]).all(axis=-1) & ~padding[2:-2, 2:-2]
    assert (red[2:-2, 2:-2][same] == labels[2:-2, 2:-2][same] * 20).all()


def test_images_without_labels_are_cropped_too():
    sample = Sample("bare", noise(9, 9).image, None)
    crop = RandomFlip(1.0)(ScaleCrop((5, 5), FILL, IGNORE)(sample, np.random.default_rng(0)), np.random.default_rng(0))
    assert crop.labels is None
    assert crop.image.shape == (5, 5, 3)


def test_every_scale_and_every_place_is_drawn_equally_often():
    """2400 crops of one pixel out of a picture whose pixels are numbered: places by chi-square, scales by size."""
    image = np.zeros((2, 6, 3), np.uint8)
    image[..., 0] = np.arange(12).reshape(2, 6) * 20
    crop, generator = ScaleCrop((1, 1), FILL, IGNORE, (1.0,)), np.random.default_rng(0)
    drawn = np.bincount([crop(Sample("a", image, None), generator).image[0, 0, 0] // 20 for _ in range(2400)])
    assert ((drawn - 200) ** 2 / 200).sum() < 31.3  # 0.999 quantile, 11 degrees of freedom
    sizes = ScaleCrop((8, 1), FILL, IGNORE, (0.5, 1.0, 2.0))
    heights = [int((sizes(noise(4, 4), generator).labels != IGNORE).sum()) for _ in range(600)]
    found, counts = np.unique(heights, return_counts=True)
    assert found.tolist() == [2, 4, 8]
    assert ((counts - 200) ** 2 / 200).sum() < 13.8  # 0.999 quantile, 2 degrees of freedom


def test_flip_mirrors_both_half_of_the_time():
    sample = coded(16, 24)
    flipped = RandomFlip()(sample, Fixed(0.49))
    np.testing.assert_array_equal(flipped.labels, sample.labels[:, ::-1])
    np.testing.assert_array_equal(flipped.image, sample.image[:, ::-1])
    assert RandomFlip()(sample, Fixed(0.5)) is sample


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.3])
@pytest.mark.parametrize(
    ("place", "enhance"), [(0, ImageEnhance.Brightness), (1, ImageEnhance.Contrast), (2, ImageEnhance.Color)]
)
def test_jitter_equals_pillows_enhancers(place, enhance, factor):
    image = np.random.default_rng(1).integers(90, 160, (40, 50, 3), dtype=np.uint8)  # nothing clips
    factors = [1.0, 1.0, 1.0, 0.0]
    factors[place] = factor
    changed = PhotometricJitter(0.5, 0.5, 0.5, 0.1)(Sample("a", image, None), Fixed(*factors)).image
    expected = np.array(enhance(Image.fromarray(image)).enhance(factor))
    assert np.abs(changed.astype(int) - expected).max() <= 1  # Pillow rounds luma and mean to integers


@pytest.mark.parametrize("turn", [-0.25, 0.1, 0.5])
def test_jitter_turns_the_hue_in_yiq(turn):
    """Against YUV, whose U and V are I and Q mirrored: the same rotation the other way round."""
    image = np.random.default_rng(1).integers(100, 150, (3, 4, 3), dtype=np.uint8)
    changed = PhotometricJitter(hue=0.5)(Sample("a", image, None), Fixed(1.0, 1.0, 1.0, turn)).image
    for (r, g, b), after in zip(image.reshape(-1, 3).tolist(), changed.reshape(-1, 3), strict=True):
        y = 0.299 * r + 0.587 * g + 0.114 * b
        chroma = complex(0.492 * (b - y), 0.877 * (r - y)) * cmath.exp(-2j * math.pi * turn)
        red, blue = y + chroma.imag / 0.877, y + chroma.real / 0.492
        green = (y - 0.299 * red - 0.114 * blue) / 0.587
        assert np.abs(after - [red, green, blue]).max() <= 1


def test_jitter_does_the_four_in_order_and_clips_once():
    image = np.array([[[10, 20, 30], [250, 240, 230]]], np.uint8)
    changed = PhotometricJitter(1.0, 1.0, 1.0)(Sample("a", image, None), Fixed(1.5, 1.2, 0.5, 0.0)).image
    bright = image * 1.5
    luma = np.array([0.299, 0.587, 0.114])
    contrast = (bright - bright.mean((0, 1)) @ luma) * 1.2 + bright.mean((0, 1)) @ luma
    muted = contrast * 0.5 + (contrast @ luma)[..., None] * 0.5
    np.testing.assert_array_equal(changed, np.clip(np.floor(muted + 0.5), 0, 255))


def test_jitter_of_nothing_changes_nothing():
    sample = noise(20, 20)
    np.testing.assert_array_equal(PhotometricJitter()(sample, np.random.default_rng(0)).image, sample.image)


@pytest.mark.parametrize(
    "make",
    [
        lambda: ScaleCrop((0, 5), FILL, IGNORE),
        lambda: ScaleCrop((5, 5), FILL, IGNORE, ()),
        lambda: ScaleCrop((5, 5), FILL, IGNORE, (0.0,)),
        lambda: PhotometricJitter(brightness=-0.1),
        lambda: PhotometricJitter(hue=0.6),
    ],
)
def test_senseless_settings_are_refused(make):
    with pytest.raises(ValueError, match=r"size|scales|brightness|hue"):
        make()
