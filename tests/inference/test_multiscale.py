"""Multi-scale and flip against the plain definition, in float64 and with everything at full size."""

import importlib
from dataclasses import replace
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import atrous
from atrous.inference.multiscale import probability_bands, rescaled, scaled_size
from fakes.lively_model import blocks, lively_model

upsample = importlib.import_module("atrous.ops.upsample")  # the package has a function of this name
SCALES = (0.5, 1.0, 1.75)


def plain_definition(model, images, *, scales, flip):
    """Mean over views of softmax(one bilinear interpolation from the coarse logits to every original pixel)."""
    conventions, stride = model.config.conventions, model.output_stride
    height, width = images.shape[-2:]
    views = []
    for scale, mirrored in product(scales, (False, True) if flip else (False,)):
        size = [int((n - 1) * scale + 1) for n in (height, width)]
        image = F.interpolate(images.double(), size, mode="bilinear", align_corners=conventions.align_corners)
        logits = model(image.flip(-1) if mirrored else image)
        places = []
        for n, scaled, coarse in zip((height, width), size, logits.shape[-2:], strict=True):
            fitted = scaled if conventions.fit == "none" else -(-(scaled - 1) // stride) * stride + 1
            pixel = torch.arange(n, dtype=torch.float64)
            if conventions.align_corners:
                place = pixel * (scaled - 1) / max(n - 1, 1) * (coarse - 1) / max(fitted - 1, 1)
            else:
                place = (pixel + 0.5) * scaled / n * coarse / fitted - 0.5
            places.append((2 * place + 1) / coarse - 1)  # as grid_sample counts: -1 and 1 are the map's edges
        grid = torch.stack(torch.meshgrid(places[1], places[0], indexing="xy"), dim=-1)
        grid = grid.flip(1) if mirrored else grid
        full = F.grid_sample(logits, grid[None], mode="bilinear", padding_mode="border", align_corners=False)
        views.append(full.softmax(dim=1))
    return torch.stack(views).mean(dim=0)


def probabilities(model, images, *, scales, flip):
    with torch.inference_mode():
        return torch.cat([band for _, band in probability_bands(model, images, scales=scales, flip=flip)], dim=2)


@pytest.mark.parametrize(
    ("size", "flip"), [((33, 49), True), ((18, 25), True), ((18, 25), False), ((1, 1), True), ((1, 37), True)]
)
@pytest.mark.parametrize(
    ("align_corners", "fit"), [(True, "os*k+1"), (True, "none"), (False, "os*k+1"), (False, "none")]
)
def test_equals_the_plain_definition(size, flip, align_corners, fit):
    model = lively_model(conventions=replace(atrous.TENSORFLOW, align_corners=align_corners, fit=fit)).double().eval()
    images = blocks(*size).double()
    expected = plain_definition(model, images, scales=SCALES, flip=flip)
    found = probabilities(model, images, scales=SCALES, flip=flip)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)


def test_the_softmax_of_coarse_logits_would_be_noticed():
    model, images = lively_model().double().eval(), blocks(33, 49)
    with torch.inference_mode():
        coarse = F.interpolate(model(images).softmax(dim=1), (33, 49), mode="bilinear", align_corners=True)
    expected = plain_definition(model, images, scales=(1.0,), flip=False)
    assert (coarse - expected).abs().max() > 0.01


@pytest.mark.parametrize("size", [(33, 49), (30, 41)])
def test_at_scale_one_it_is_the_softmax_of_the_full_size_logits(size):
    model, images = lively_model().eval(), blocks(*size)
    with torch.inference_mode():
        expected = model.logits(images).softmax(dim=1)
    torch.testing.assert_close(probabilities(model, images, scales=(1.0,), flip=False), expected, rtol=0, atol=1e-5)


def test_with_flip_a_mirrored_picture_has_the_mirrored_answer():
    model, images = lively_model().double().eval(), blocks(30, 41).double()
    straight = probabilities(model, images, scales=SCALES, flip=True)
    mirrored = probabilities(model, images.flip(-1), scales=SCALES, flip=True)
    torch.testing.assert_close(mirrored.flip(-1), straight, rtol=0, atol=1e-5)
    assert (probabilities(model, images.flip(-1), scales=SCALES, flip=False).flip(-1) - straight).abs().max() > 0.01


def test_bands_meet_without_a_seam(monkeypatch):
    model, images = lively_model().eval(), blocks(30, 41)
    whole = probabilities(model, images, scales=SCALES, flip=True)
    monkeypatch.setattr(upsample, "BAND_FLOATS", 4 * 41 * 7)
    with torch.inference_mode():
        bands = list(probability_bands(model, images, scales=SCALES, flip=True))
    assert [(rows.start, rows.stop) for rows, _ in bands] == [(0, 7), (7, 14), (14, 21), (21, 28), (28, 30)]
    torch.testing.assert_close(torch.cat([band for _, band in bands], dim=2), whole, rtol=0, atol=1e-6)


class LargestTensor(TorchDispatchMode):
    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor):
            self.numbers = max(self.numbers, out.numel())
        return out


def test_no_tensor_is_anywhere_near_full_size(monkeypatch):
    model, images = lively_model("deeplabv3_mobilenet_v2", classes=64).eval(), blocks(129, 129)
    monkeypatch.setattr(upsample, "BAND_FLOATS", 64 * 129 * 16)
    with LargestTensor() as largest:
        for _ in probability_bands(model, images, scales=(0.5, 1.0, 1.5), flip=True):
            pass
    assert largest.numbers < 64 * 129 * 129 / 4


def test_scaled_sizes_are_those_of_the_papers():
    assert [scaled_size((513, 513), s)[0] for s in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)] == [257, 385, 513, 641, 769, 897]
    assert scaled_size((360, 480), 0.5) == (180, 240)
    assert scaled_size((1, 2), 0.01) == (1, 1)


def test_rescaling_keeps_fractions_and_leaves_scale_one_alone():
    images = torch.tensor([[[[0, 1, 10]]]], dtype=torch.uint8)
    assert rescaled(images, 1.0, align_corners=True) is images
    torch.testing.assert_close(rescaled(images, 2.0, align_corners=True), torch.tensor([[[[0, 0.5, 1, 5.5, 10]]]]))
