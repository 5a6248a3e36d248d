from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

import atrous
from atrous import build
from atrous.errors import InputError
from atrous.model.conventions import PYTORCH, TENSORFLOW
from atrous.model.preprocess import Preprocess
from fakes.small_models import small_config


def pixels(*shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def test_tensorflow_scales_to_minus_one_and_one():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    scaled = Preprocess(TENSORFLOW, in_channels=3)(images, output_stride=16)
    torch.testing.assert_close(scaled.flatten(), torch.tensor([-1.0, -0.6, 1.0]), rtol=0, atol=1e-6)


def test_pytorch_subtracts_imagenet_mean_per_channel():
    images = torch.full((1, 3, 1, 1), 200, dtype=torch.uint8)
    scaled = Preprocess(PYTORCH, in_channels=3)(images, output_stride=16)
    expected = [(200 / 255 - mean) / std for mean, std in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    torch.testing.assert_close(scaled.flatten(), torch.tensor(expected), rtol=0, atol=1e-5)


@pytest.mark.parametrize("in_channels", [1, 4])
def test_other_channel_counts_share_the_mean_of_the_constants(in_channels):
    images = pixels(1, in_channels, 2, 2)
    scaled = Preprocess(PYTORCH, in_channels=in_channels)(images, output_stride=16)
    expected = (images.numpy() - (123.675 + 116.28 + 103.53) / 3) / ((58.395 + 57.12 + 57.375) / 3)
    np.testing.assert_allclose(scaled, expected, atol=1e-5)


def test_float_and_bytes_agree_bitwise():
    preprocess, images = Preprocess(TENSORFLOW, in_channels=3), pixels(2, 3, 7, 6)
    scaled = preprocess(images, output_stride=16)
    for dtype in (torch.float32, torch.float64, torch.float16):
        assert torch.equal(preprocess(images.to(dtype), output_stride=16), scaled)


@pytest.mark.parametrize(
    ("size", "output_stride", "fitted"),
    [
        ((513, 513), 16, (513, 513)), ((512, 514), 16, (513, 529)), ((360, 480), 8, (361, 481)),
        ((360, 480), 16, (369, 481)), ((1, 2), 32, (1, 33)), ((1024, 2048), 16, (1025, 2049)), ((5, 6), 4, (5, 9)),
    ],
)  # fmt: skip
def test_fit_pads_to_the_next_multiple_plus_one(size, output_stride, fitted):
    preprocess = Preprocess(TENSORFLOW, in_channels=3)
    assert preprocess.padded_size(size, output_stride=output_stride) == fitted
    images = torch.full((1, 3, *size), 255, dtype=torch.uint8)
    scaled = preprocess(images, output_stride=output_stride)
    assert scaled.shape[-2:] == fitted
    assert (scaled[..., : size[0], : size[1]] == 1).all()
    assert scaled.sum() == 3 * size[0] * size[1]  # zeros, the mean pixel, everywhere else


@pytest.mark.parametrize("size", [(200, 200), (193, 50), (18, 17), (9, 33), (1, 1), (2, 40), (7, 8)])
def test_mirrored_padding_is_the_image_backwards_from_its_last_row_and_column(size):
    conventions = replace(TENSORFLOW, image_padding="mirror")
    images = pixels(2, 3, *size)
    padded = Preprocess(conventions, in_channels=3)(images, output_stride=16)
    height, width = padded.shape[-2:]
    rows = [row if row < size[0] else max(2 * size[0] - 2 - row, 0) for row in range(height)]
    columns = [column if column < size[1] else max(2 * size[1] - 2 - column, 0) for column in range(width)]
    expected = (images.double().numpy() / 127.5 - 1)[:, :, rows][..., columns]
    np.testing.assert_allclose(padded.double().numpy(), expected, atol=1e-6)
    if min(size) > 16:  # there numpy can mirror, too
        below, right = height - size[0], width - size[1]
        mirrored = np.pad(images.numpy(), ((0, 0), (0, 0), (0, below), (0, right)), mode="reflect")
        np.testing.assert_allclose(padded.double().numpy(), mirrored / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("size", [(33, 33), (40, 50), (47, 32), (20, 64)])
def test_a_network_that_mirrors_gives_the_logits_of_the_mirrored_image(size):
    config = small_config("deeplabv3plus_mobilenet_v2", classes=3)
    torch.manual_seed(0)
    model = build(replace(config, conventions=replace(config.conventions, image_padding="mirror"))).eval()
    images = pixels(1, 3, *size)
    below, right = ((-(length - 1)) % 16 for length in size)
    mirrored = torch.from_numpy(np.pad(images.numpy(), ((0, 0), (0, 0), (0, below), (0, right)), mode="reflect"))
    with torch.inference_mode():
        torch.testing.assert_close(model(images), model(mirrored), rtol=0, atol=0)
        whole = model.logits(mirrored)[..., : size[0], : size[1]]
        torch.testing.assert_close(model.logits(images), whole, rtol=0, atol=1e-6)


def test_no_fit_leaves_the_size():
    preprocess = Preprocess(replace(TENSORFLOW, fit="none"), in_channels=3)
    assert preprocess.padded_size((6, 9), output_stride=16) == (6, 9)
    assert preprocess(pixels(1, 3, 6, 9), output_stride=16).shape[-2:] == (6, 9)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_another_number_of_channels_is_refused_not_broadcast(channels):
    with pytest.raises(InputError, match=rf"images of {channels} channels for a model that takes 3; .*in_channels"):
        Preprocess(TENSORFLOW, in_channels=3)(pixels(1, channels, 4, 4), output_stride=16)


def test_constants_travel_with_the_module_but_not_with_its_weights():
    preprocess = Preprocess(TENSORFLOW, in_channels=3)
    assert preprocess.state_dict() == {}
    assert preprocess.double()(pixels(1, 3, 2, 2), output_stride=16).dtype == torch.float64


def small():
    return atrous.build(small_config("deeplabv3_mobilenet_v2")).eval()


@pytest.mark.parametrize("low", [0.0, -1.0, -2.2])
def test_floats_that_were_normalised_before_are_warned_about_once(low):
    model, images = small(), pixels(2, 3, 17, 17) / 255 * (1 - low) + low
    with pytest.warns(UserWarning, match=r"within -4\.\.4, but the model takes 0\.\.255 .*; multiply images of 0\.\.1"):
        model(images)
    model(images)


@pytest.mark.parametrize(
    "images", [pixels(1, 3, 17, 17) // 64, pixels(1, 3, 17, 17).float(), torch.zeros(1, 3, 17, 17)]
)
def test_whole_numbers_full_range_and_zeros_are_not(images):
    small()(images)


def test_only_the_first_images_are_looked_at():
    model = small()
    model(pixels(1, 3, 17, 17))
    model(torch.rand(1, 3, 17, 17))


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("strict", [False, True])
def test_nothing_is_looked_at_while_a_model_is_exported(strict):
    preprocess = Preprocess(TENSORFLOW, in_channels=3)
    images = {"images": torch.rand(2, 3, 17, 17), "output_stride": 16}
    torch.export.export(preprocess, (), images, strict=strict)
    assert not preprocess.range_checked


@pytest.mark.usefixtures("unchecked_types")
def test_nothing_is_looked_at_while_operations_are_recorded():
    preprocess, images = Preprocess(TENSORFLOW, in_channels=3), torch.rand(2, 3, 17, 17)
    torch.compile(preprocess, backend="eager", fullgraph=True)(images, output_stride=16)
    on_nothing = Preprocess(TENSORFLOW, in_channels=3).to("meta")
    assert on_nothing(images.to("meta"), output_stride=16).is_meta
    assert not preprocess.range_checked
    assert not on_nothing.range_checked
    assert make_fx(lambda given: preprocess(given, output_stride=16))(images)(images).shape == (2, 3, 17, 17)


def test_a_predictor_never_warns():
    black = np.zeros((17, 17, 3), np.uint8)
    black[3, 3] = 2
    atrous.Predictor(small(), scales=(0.5, 1.0), flip=True)(black)


def test_a_model_that_does_not_scale_takes_normalised_images():
    unscaled = Preprocess(replace(TENSORFLOW, input_mean=(0.0,), input_std=(1.0,)), in_channels=3)
    images = torch.rand(1, 3, 17, 17)
    assert torch.equal(unscaled(images, output_stride=16), images)
