from dataclasses import replace

import numpy as np
import pytest
import torch

from atrous.data.published.camvid import CAMVID
from atrous.data.sample import Sample
from atrous.labels import LabelSpace
from atrous.model.conventions import PYTORCH, TENSORFLOW, Conventions
from atrous.model.preprocess import Preprocess
from atrous.training.augment import training_transforms
from fakes.run import CONFIG


@pytest.mark.parametrize("conventions", [TENSORFLOW, PYTORCH, Conventions(input_mean=(200.0,))])
def test_padding_is_what_the_model_normalises_to_zero_and_nobody_counts(conventions):
    config = replace(CONFIG, crop=(9, 7), scales=(1.0,), flip=0.0)
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


def test_the_order_is_the_official_one_and_jitter_is_extra():
    names = [type(transform).__name__ for transform in training_transforms(CONFIG, TENSORFLOW, space=CAMVID)]
    assert names == ["ScaleCrop", "RandomFlip"]
    *_, last = training_transforms(replace(CONFIG, jitter=0.2), TENSORFLOW, space=CAMVID)
    assert (last.brightness, last.contrast, last.saturation, last.hue) == pytest.approx((0.2, 0.2, 0.2, 0.02))
