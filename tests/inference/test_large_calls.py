"""Calls of a predictor with images beyond `WHOLE_PIXELS`: in tiles, or refused before anything is computed."""

import numpy as np
import pytest
import torch

from atrous.errors import InputError
from atrous.inference import in_tiles
from atrous.inference import predictor as module
from atrous.inference.in_tiles import largest_layer
from atrous.inference.predictor import Predictor
from atrous.inference.tiling.tiles import Tiling
from fakes.lively_model import LABELS, blocks, lively_archive


def image(*size, seed=0):
    return blocks(*size, seed=seed)[0].permute(1, 2, 0).contiguous().numpy()


def test_a_huge_image_is_predicted_in_tiles_also_among_others(monkeypatch):
    """With an overlap of the receptive field tiles give the labels of the whole image, which must not be computed."""
    predictor, long, small = Predictor(lively_archive()), image(1600, 40), image(33, 49, seed=1)
    whole, alone = predictor(long).labels, predictor(small).labels
    monkeypatch.setattr(module, "WHOLE_PIXELS", 40 * 1000)
    monkeypatch.setattr(module, "Tiling", lambda: Tiling(size=1300, overlap=1104))
    sizes, batch = [], predictor.batch
    monkeypatch.setattr(
        predictor, "batch", lambda *arrays: sizes.extend(each.shape for each in arrays) or batch(*arrays)
    )
    result = predictor(long)
    np.testing.assert_array_equal(result.labels, whole)
    assert result.image is long or np.array_equal(result.image, long)
    first, second = predictor([small, torch.from_numpy(long).permute(2, 0, 1)])
    np.testing.assert_array_equal(first.labels, alone)
    np.testing.assert_array_equal(second.labels, whole)
    assert sizes == [(33, 49, 3)]


@pytest.mark.parametrize(
    ("settings", "call", "left_out"),
    [
        ({"flip": True}, Predictor.__call__, "flip"),
        ({"scales": (0.5, 2.0), "flip": True}, Predictor.__call__, "scales and flip"),
        ({"pad": 90}, Predictor.__call__, "padding"),
        ({}, lambda predictor, image: predictor(image, probabilities=True), "probabilities"),
        ({}, lambda predictor, image: predictor([image, image], probabilities=True), "probabilities"),
        ({}, Predictor.probabilities, "probabilities"),
    ],
)
def test_what_does_not_fit_is_one_line_before_anything_is_computed(settings, call, left_out, monkeypatch):
    predictor, large = Predictor(lively_archive(), **settings), image(60, 90)
    monkeypatch.setattr(module, "WHOLE_PIXELS", 2000)
    monkeypatch.setattr(in_tiles, "device_memory", lambda _: 2**12)
    monkeypatch.setattr(predictor, "batch", lambda *_: pytest.fail("computed"))
    with pytest.raises(InputError, match=rf"^an image of 60x90 .*; leave out {left_out}, and it is predicted in tiles"):
        call(predictor, large)


def test_small_images_at_large_scales_are_compared_with_the_memory_too(monkeypatch):
    monkeypatch.setattr(in_tiles, "device_memory", lambda _: 2**12)
    predictor = Predictor(lively_archive(), scales=8.0)
    predictor.check_memory((512, 512))  # 4096 x 4096 in the network
    with pytest.raises(InputError, match="an image of 513x512"):
        predictor.check_memory((513, 512))


def test_memory_of_the_probabilities_is_counted(monkeypatch):
    archive = lively_archive()
    layer = 4 * largest_layer(archive.model.config, (60, 90))
    monkeypatch.setattr(module, "WHOLE_PIXELS", 2000)
    predictor, maps = Predictor(archive), 4 * len(LABELS) * 60 * 90
    monkeypatch.setattr(in_tiles, "device_memory", lambda _: layer + maps)
    predictor.check_memory((60, 90), probabilities=True)
    monkeypatch.setattr(in_tiles, "device_memory", lambda _: layer + maps - 1)
    with pytest.raises(InputError, match="leave out probabilities"):
        predictor.check_memory((60, 90), probabilities=True)
