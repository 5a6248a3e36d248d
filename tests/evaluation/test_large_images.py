"""Evaluation of images beyond `WHOLE_PIXELS`: in tiles, with the numbers of the whole computation."""

import numpy as np
import pytest

import atrous
from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.evaluation import boundaries, confusion
from atrous.evaluation import evaluate as module
from atrous.evaluation.confusion import ConfusionMatrix, class_histograms
from atrous.evaluation.evaluate import evaluate
from atrous.inference import in_tiles
from atrous.inference import predictor as predictor_module
from atrous.inference.in_tiles import largest_layer
from atrous.inference.predictor import Predictor
from atrous.inference.tiling.tiles import Tiling
from fakes.lively_model import LABELS, blocks, lively_archive
from fakes.memory_data import MemoryData

PREDICTOR = Predictor(lively_archive())
# An overlap of the receptive field, with which the tiles agree with the whole image.
EXACT = Tiling(size=1300, overlap=1104)


def sample(name, *, size, seed):
    image = blocks(*size, seed=seed)[0].permute(1, 2, 0).contiguous().numpy()
    truth = np.random.default_rng(seed).integers(0, 4, (size[0] // 10 + 1, size[1] // 10 + 1), np.uint8)
    truth = truth.repeat(10, 0).repeat(10, 1)[: size[0], : size[1]]
    truth[:5] = 255
    return Sample(name=name, image=image, labels=truth)


def test_tiles_give_the_numbers_of_the_whole_computation(monkeypatch):
    data = MemoryData(
        labels=LABELS,
        samples=(
            sample("a", size=(33, 49), seed=0),
            sample("b", size=(1600, 40), seed=1),
            sample("c", size=(34, 50), seed=2),
        ),
    )
    whole = evaluate(PREDICTOR, data, gallery=3)
    monkeypatch.setattr(module, "WHOLE_PIXELS", 40 * 1000)
    monkeypatch.setattr(predictor_module, "WHOLE_PIXELS", 40 * 1000)
    monkeypatch.setattr(predictor_module, "Tiling", lambda: EXACT)
    tiles = []
    regions = PREDICTOR.regions
    monkeypatch.setattr(
        PREDICTOR,
        "regions",
        lambda pixels, *, tiling: regions(pixels, tiling=tiling, on_progress=lambda *counts: tiles.append(counts)),
    )
    tiled = evaluate(PREDICTOR, data, gallery=3)
    assert tiles[-1][0] > 4  # several tiles of one image, and passes for means
    np.testing.assert_array_equal(tiled.matrix, whole.matrix)
    np.testing.assert_array_equal(tiled.counts.boundary, whole.counts.boundary)
    np.testing.assert_array_equal(tiled.counts.trimap.overlaps, whole.counts.trimap.overlaps)
    assert tiled.images == whole.images
    assert [image.mean for image in tiled.gallery] == [image.mean for image in whole.gallery]
    assert 0.05 < tiled.miou < 0.6
    assert whole.protocol.size_rule == "native"
    assert tiled.protocol.size_rule == "native, in tiles of 1024 that overlap by 256 beyond 4096x4096 pixels"


def test_scales_are_computed_whole_where_they_fit_and_refused_in_one_line_where_not(monkeypatch):
    data = MemoryData(labels=LABELS, samples=(sample("a", size=(60, 90), seed=0), sample("b", size=(33, 49), seed=1)))
    predictor = Predictor(lively_archive(), scales=(1.0, 1.5))
    whole = evaluate(predictor, data)
    monkeypatch.setattr(module, "WHOLE_PIXELS", 2000)
    monkeypatch.setattr(predictor_module, "WHOLE_PIXELS", 2000)
    again = evaluate(predictor, data)
    np.testing.assert_array_equal(again.matrix, whole.matrix)
    assert again.protocol.size_rule == "native"
    monkeypatch.setattr(in_tiles, "device_memory", lambda _: 2**12)
    with pytest.raises(
        InputError, match=r"^a: an image of 60x90 .* leave out scales, and it is predicted in tiles, or cut"
    ):
        evaluate(predictor, data)


def test_a_large_image_is_kept_subsampled_to_be_shown(monkeypatch):
    one = sample("a", size=(90, 130), seed=0)
    data = MemoryData(labels=LABELS, samples=(one,))
    whole = evaluate(PREDICTOR, data)
    monkeypatch.setattr(module, "SHOWN_SIDE", 65)
    (kept,) = (report := evaluate(PREDICTOR, data)).worst
    np.testing.assert_array_equal(kept.truth, one.labels[::2, ::2])
    np.testing.assert_array_equal(kept.image, one.image[::2, ::2])
    np.testing.assert_array_equal(kept.prediction, PREDICTOR(one.image).labels[::2, ::2])
    assert kept.wrong == whole.worst[0].wrong
    np.testing.assert_array_equal(report.matrix, whole.matrix)


def test_pixels_are_counted_alike_some_at_a_time_and_all_at_once(monkeypatch):
    generator = np.random.default_rng(0)
    truth, labels = generator.integers(0, 4, (2, 37, 53), np.uint8)
    truth[3:9, 10:40] = 255
    once = _counts(truth, labels), boundaries.trimap(labels, truth, classes=4, ignore=255).overlaps
    np.testing.assert_array_equal(once[0], [[((truth == a) & (labels == b)).sum() for b in range(4)] for a in range(4)])
    monkeypatch.setattr(confusion, "CHUNK", 100)
    monkeypatch.setattr(boundaries, "CHUNK", 100)
    np.testing.assert_array_equal(_counts(truth, labels), once[0])
    np.testing.assert_array_equal(class_histograms(labels.ravel(), classes=4)[0], np.bincount(labels.ravel()))
    np.testing.assert_array_equal(boundaries.trimap(labels, truth, classes=4, ignore=255).overlaps, once[1])


def test_a_stray_value_in_a_later_part_leaves_the_matrix_as_it_was(monkeypatch):
    monkeypatch.setattr(confusion, "CHUNK", 10)
    truth = np.zeros(30, np.uint8)
    truth[25] = 7
    matrix = ConfusionMatrix(4)
    with pytest.raises(InputError, match="value 7 in the truth"):
        matrix.update(np.zeros(30, np.uint8), truth, ignore=255)
    assert not matrix.matrix.any()


def test_the_largest_layer_is_counted_by_hand():
    """MobileNetV2's second unit filters 96 channels with a stride of 2; its image is padded to 65 x 97."""
    config = atrous.deeplabv3_mobilenet_v2(classes=3).config
    assert largest_layer(config, (64, 96)) == 96 * (33 * 49 + 17 * 25)


def test_memory_is_compared_with_the_largest_scale(monkeypatch):
    archive = lively_archive()
    numbers = largest_layer(archive.model.config, (200, 100))
    monkeypatch.setattr(in_tiles, "device_memory", lambda _: 4 * numbers)
    monkeypatch.setattr(predictor_module, "WHOLE_PIXELS", 100)
    Predictor(archive, scales=(0.5, 2.0)).check_memory((100, 50))
    monkeypatch.setattr(in_tiles, "device_memory", lambda _: 4 * numbers - 1)
    Predictor(archive, scales=(0.5, 1.0)).check_memory((100, 50))
    with pytest.raises(InputError, match="an image of 100x50"):
        Predictor(archive, scales=(0.5, 2.0)).check_memory((100, 50))


def _counts(truth, labels):
    matrix = ConfusionMatrix(4)
    matrix.update(labels, truth, ignore=255)
    return matrix.matrix
