"""Tiled pictures against whole ones, in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import atrous
from atrous.analysis.receptive_field import receptive_fields
from atrous.data.formats.windows import ArrayPixels
from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.inference.tiling.regions import joined_label_rows, predict_regions
from atrous.inference.tiling.tile_model import TileModel
from atrous.inference.tiling.tiles import CrossFade, Tile, TileSpan, Tiling
from atrous.model.config import ASPPConfig
from atrous.ops.bilinear import interpolate_columns, interpolate_rows
from fakes.lively_model import blocks, lively_model
from fakes.small_models import small_config

CONVENTIONS = {
    "tensorflow": atrous.TENSORFLOW,
    "pytorch": atrous.PYTORCH,
    "same, not fitted": replace(atrous.TENSORFLOW, fit="none"),
}


def picture(size, *, seed=0):
    return np.ascontiguousarray(blocks(*size, seed=seed)[0].permute(1, 2, 0).numpy())


def small_field(name, *, image_pooling=False, **changes):
    """A model with little of an ASPP, in float64: what it sees is a few hundred pixels."""
    config = small_config(name)
    if isinstance(config.head, ASPPConfig):
        changes["head"] = replace(config.head, image_pooling=image_pooling, rates=(2,))
    return lively_model(name, **changes).double().eval()


def tiled(model, image, tiling):
    """Logits at every pixel, and the number of regions they came from."""
    full = np.full((model.config.classes, *image.shape[:2]), np.nan)
    count = 0
    with torch.inference_mode():
        for region in predict_regions(model, ArrayPixels(image), tiling=tiling):
            count += 1
            rows, columns = region.row_neighbours, region.column_neighbours
            assert np.isnan(full[:, region.rows, region.columns]).all()  # every pixel once
            logits = interpolate_columns(interpolate_rows(region.logits, rows), columns)
            full[:, region.rows, region.columns] = logits[0]
    return full, count


def whole(model, image):
    with torch.inference_mode():
        return model.logits(torch.from_numpy(image).permute(2, 0, 1)[None])[0].numpy()


def assert_the_whole_picture(model, image, tiling, *, regions_at_least):
    found, count = tiled(model, image, tiling)
    assert count >= regions_at_least
    expected = whole(model, image)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)
    assert expected.std(axis=(1, 2)).max() > 0.05  # there is something to get wrong


@pytest.mark.parametrize("conventions", CONVENTIONS)
@pytest.mark.parametrize("size", [(777, 18), (33, 801), (784, 33)])
@pytest.mark.parametrize("name", ["deeplabv3_mobilenet_v2", "deeplabv3plus_mobilenet_v2"])
def test_with_the_receptive_field_as_overlap_it_is_the_whole_picture(name, size, conventions):
    model = small_field(name, conventions=CONVENTIONS[conventions])
    field = receptive_fields(model)["classifier"]
    tiling = Tiling(size=field + 64, overlap=field)
    assert_the_whole_picture(model, picture(size), tiling, regions_at_least=5)


def test_in_both_directions():
    model = small_field("deeplabv3_mobilenet_v2")
    field = receptive_fields(model)["classifier"]
    assert_the_whole_picture(model, picture((666, 661)), Tiling(size=field + 96, overlap=field), regions_at_least=4)


@pytest.mark.parametrize("stride", [8, 32])
def test_at_other_output_strides(stride):
    model = small_field("deeplabv3plus_mobilenet_v2", output_stride=stride)
    field = receptive_fields(model)["classifier"]
    tiling = Tiling(size=field + 4 * stride, overlap=field)
    assert_the_whole_picture(model, picture((field + 301, 20)), tiling, regions_at_least=3)


@pytest.mark.parametrize("conventions", CONVENTIONS)
def test_logits_at_output_stride_2(conventions):
    decoder = replace(small_config("deeplabv3plus_mobilenet_v2").decoder, fine_channels=6)
    model = small_field("deeplabv3plus_mobilenet_v2", conventions=CONVENTIONS[conventions], decoder=decoder)
    assert model.logits_stride == 2
    field = receptive_fields(model)["classifier"]
    tiling = Tiling(size=field + 64, overlap=field)
    assert_the_whole_picture(model, picture((field + 301, 19)), tiling, regions_at_least=3)


def test_with_less_overlap_it_would_be_noticed():
    model, image = small_field("deeplabv3_mobilenet_v2"), picture((800, 33))
    found, count = tiled(model, image, Tiling(size=256, overlap=64))
    assert count > 3
    assert np.abs(found - whole(model, image)).max() > 1e-2


@pytest.mark.parametrize(
    ("name", "means"),
    [("deeplabv3_mobilenet_v2", 1), ("deeplabv3plus_mobilenet_v2", 1), ("lraspp_mobilenet_v3", 9)],
)
@pytest.mark.parametrize("size", [(1009, 40), (35, 1016)])
def test_means_of_the_whole_picture(name, means, size):
    """Image pooling; every unit that squeezes, and the gates: in passes, each after what came before it is known."""
    model, image = small_field(name, image_pooling=True), picture(size)
    image[: size[0] // 2, : size[1] // 2] //= 8  # a part that is unlike the rest
    field = receptive_fields(model)["classifier"]
    tiling = Tiling(size=field + 160, overlap=field)
    assert_the_whole_picture(model, image, tiling, regions_at_least=2)
    progress = []
    with torch.inference_mode():
        list(
            predict_regions(
                model, ArrayPixels(image), tiling=tiling, on_progress=lambda *numbers: progress.append(numbers)
            )
        )
    tiles = len(progress) // (means + 1)
    assert progress == [(done, tiles * (means + 1)) for done in range(1, len(progress) + 1)]
    one_pass, _ = tiled(model, image, replace(tiling, mean_over="tile"))
    assert np.abs(one_pass - whole(model, image)).max() > 1e-2


def test_probabilities_are_the_softmax_at_every_pixel():
    model, image = small_field("deeplabv3_mobilenet_v2"), picture((300, 33))
    tiling, parts = Tiling(size=128, overlap=32), []
    for region in Predictor(model).regions(ArrayPixels(image), tiling=tiling):
        parts += [(rows, part) for rows, part in region.probabilities()]
    assert [rows.start for rows, _ in parts[1:]] == [rows.stop for rows, _ in parts[:-1]]
    expected = torch.from_numpy(tiled(model, image, tiling)[0]).softmax(dim=0)
    torch.testing.assert_close(torch.cat([part for _, part in parts], dim=1), expected, rtol=0, atol=1e-9)


def test_the_model_is_left_as_it_was():
    model, image = small_field("deeplabv3_mobilenet_v2", image_pooling=True), picture((600, 33))
    before = whole(model, image)
    tiled(model, image, Tiling(size=256, overlap=64))
    np.testing.assert_array_equal(whole(model, image), before)


def test_blending_hides_the_seams():
    """Across the row in the middle between two tiles, logits jump less than without a fade."""
    model, image = small_field("deeplabv3_mobilenet_v2"), np.full((640, 40, 3), 90, np.uint8)
    image[:300] = 160
    blended, _ = tiled(model, image, Tiling(size=400, overlap=200))
    abrupt, _ = tiled(model, image, Tiling(size=400, overlap=8))
    jumps = [np.abs(np.diff(found - whole(model, image), axis=1)).max() for found in (blended, abrupt)]
    assert jumps[0] < jumps[1] / 2


def steepest_step(model, *, mean_over):
    """Largest step from one coarse logit to the next, as a share of the change between two tiles of other means.

    The image is dark but for its last rows, which only the last tile sees, and which are too far from its seam for
    convolutions: along the seam, nothing but the means of the two tiles differs.
    """
    field = receptive_fields(model)["classifier"]
    image = np.full((field + 400, 33, 3), 60, np.uint8)
    image[-60:] = 250
    found, count = tiled(model, image, Tiling(size=field + 220, overlap=field, mean_over=mean_over))
    assert count > 1
    dark = found[:, field // 2 : -60 - field // 2 - 16]
    change = np.abs(dark[:, -1] - dark[:, 0]).max()
    assert change > 1e-6  # in float64
    return np.abs(np.diff(dark, axis=1)).max() * model.logits_stride / change


def test_tiles_whose_means_differ_are_cross_faded_at_any_overlap():
    """Image pooling over the tile gives each tile other logits, though its convolutions see all that they need."""
    assert steepest_step(small_field("deeplabv3_mobilenet_v2", image_pooling=True), mean_over="tile") < 1 / 3


def test_tiles_with_means_over_windows_are_cross_faded_at_any_overlap():
    """Windows of the official heads lie differently in each tile and in the image."""
    assert steepest_step(small_field("lraspp_mobilenet_v3_large"), mean_over="image") < 1 / 3


@pytest.mark.parametrize("name", ["deeplabv3plus_mobilenet_v2", "deeplabv3_mobilenet_v3", "lraspp_mobilenet_v3"])
def test_means_are_listed_in_the_order_of_the_forward_pass(name):
    model = lively_model(name).eval()
    network, order = TileModel(model, size=(64, 64), dtype=torch.float64), []
    for mean in network.mean_layers:
        mean.register_forward_hook(lambda module, _args, _output: order.append(module))
    span = TileSpan(0, 64, CrossFade(0, 0), CrossFade(64, 64))
    network.logits(blocks(64, 64), Tile(span, span))
    assert len(order) == len(network.mean_layers) > 0
    assert all(called is listed for called, listed in zip(order, network.mean_layers, strict=True))


def test_an_infinite_logit_counts_only_in_tiles_that_have_a_weight_there():
    """A class that is masked by a bias of -inf has probability 0, and spoils no other."""
    model, image = small_field("deeplabv3_mobilenet_v2"), picture((500, 33))
    tiling = Tiling(size=256, overlap=64)
    with torch.no_grad():
        model.classifier.bias[2] = -np.inf
    found, count = tiled(model, image, tiling)
    assert count > 2
    assert (found[2] == -np.inf).all()
    assert np.isfinite(np.delete(found, 2, axis=0)).all()


def test_tiles_that_are_too_small_are_refused_at_the_call():
    with pytest.raises(InputError, match="cannot overlap by 80"):
        predict_regions(lively_model().eval(), ArrayPixels(picture((300, 300))), tiling=Tiling(size=96, overlap=80))


def test_labels_are_joined_to_whole_rows():
    model, image = small_field("deeplabv3plus_mobilenet_v2").float(), picture((500, 420))
    predictor, tiling = Predictor(model), Tiling(size=256, overlap=64)
    found = list(joined_label_rows(predictor.regions(ArrayPixels(image), tiling=tiling), width=420))
    assert len(found) > 2
    full, _ = tiled(model, image, tiling)
    assert (np.concatenate(found) == full.argmax(axis=0)).mean() > 0.9999  # the rest: rounding
    assert len(np.unique(found[0])) > 1


@pytest.mark.parametrize("options", [{"scales": (0.5,)}, {"flip": True}, {"pad": (900, 900)}])
def test_what_tiles_cannot_do_is_refused(options):
    predictor = Predictor(lively_model(), **options)
    with pytest.raises(InputError, match="leave out scales, flip and pad"):
        next(predictor.regions(ArrayPixels(picture((40, 40))), tiling=Tiling()))


def test_other_channels_are_refused():
    with pytest.raises(InputError, match="40x41 pixels and 5 channels; the model takes 3"):
        next(Predictor(lively_model()).regions(ArrayPixels(np.zeros((40, 41, 5), np.uint8)), tiling=Tiling()))
