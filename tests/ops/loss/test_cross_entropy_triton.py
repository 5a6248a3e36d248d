"""The GPU's kernels against plain torch on the CPU; with TRITON_INTERPRET=1 they run without a GPU, slowly."""

import os

import pytest
import torch
import torch.nn.functional as F

from atrous.ops.loss import bands as cross_entropy_bands
from atrous.ops.loss.pixel_loss import PixelLoss
from atrous.ops.upsample import Placement
from reference.weights import uniform

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


@pytest.fixture
def triton_engine():
    """The kernels, and where they run."""
    pytest.importorskip("triton", reason="needs Triton")
    if not INTERPRETED and not torch.cuda.is_available():
        pytest.skip("needs cuda, or TRITON_INTERPRET=1")
    from atrous.ops.loss import cuda as cross_entropy_cuda

    return cross_entropy_cuda.losses_and_gradient, torch.device("cpu" if INTERPRETED else "cuda")


def labels(*shape, classes, dtype):
    generator = torch.Generator().manual_seed(0)
    target = torch.randint(0, classes, shape, generator=generator).to(dtype)
    target[torch.rand(shape, generator=generator) < 0.25] = 100
    return target


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("shape", "size", "crop"),
    [
        ((2, 17, 3, 4), (11, 13), (9, 12)),  # more classes than a program holds
        ((2, 3, 2, 20), (5, 79), (5, 79)),  # more columns than a program holds
        ((1, 2, 9, 7), (4, 5), (4, 5)),  # smaller than the map
        ((1, 1, 1, 1), (5, 7), (5, 7)),
        ((2, 5, 3, 3), (3, 3), (2, 3)),
    ],
)
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_kernels_compute_what_the_cpu_computes(dtype, align_corners, shape, size, crop, triton_engine):
    engine, device = triton_engine
    logits = (4 * uniform(*shape)).to(dtype).contiguous(memory_format=torch.channels_last)
    target = labels(shape[0], *crop, classes=shape[1], dtype=torch.uint8)
    computed = torch.promote_types(dtype, torch.float32)
    weights, pixel_weights = (
        uniform(shape[1], low=0.1, high=3).to(computed),
        uniform(shape[0], *crop, seed=1).to(computed),
    )
    placement = Placement(size=size, align_corners=align_corners, crop=crop)
    smoothing = 0.1 if align_corners else 0.0
    expected = cross_entropy_bands.losses_and_gradient(
        logits, target, placement=placement, pixel_loss=PixelLoss(weights, smoothing, 100), pixel_weights=pixel_weights
    )
    found = engine(
        logits.to(device),
        target.to(device),
        placement=placement,
        pixel_loss=PixelLoss(weights.to(device), smoothing, 100),
        pixel_weights=pixel_weights.to(device),
    )
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    for ours, reference in zip(found, expected, strict=True):
        largest = reference.abs().max().clamp(min=1).item()
        torch.testing.assert_close(ours.cpu(), reference, rtol=tolerance, atol=tolerance * largest)


@pytest.mark.gpu
@pytest.mark.parametrize("memory", ["contiguous", "every second"])
@pytest.mark.parametrize("align_corners", [False, True])
def test_images_in_chunks_and_any_layout_give_the_gradient_of_autograd(
    align_corners, memory, triton_engine, monkeypatch
):
    """Against torch's own functions in float64; cells of 1 to 9 pixels, so of several patches."""
    engine, device = triton_engine
    from atrous.ops.loss import cuda

    monkeypatch.setattr(cuda, "MAX_PARTIAL_GRADIENTS", 1)
    logits = (4 * uniform(3, 4, 3, 5)).to(device)
    if memory == "every second":
        logits = logits.repeat_interleave(2, dim=2)[:, :, ::2]
    target = labels(3, 19, 30, classes=4, dtype=torch.uint8).to(device)
    pixel_weights = uniform(3, 19, 30, seed=1).to(device)
    losses, gradient = engine(
        logits,
        target,
        placement=Placement((20, 33), align_corners=align_corners, crop=(19, 30)),
        pixel_loss=PixelLoss(torch.ones(4, dtype=torch.float64, device=device), 0.1, 100),
        pixel_weights=pixel_weights,
    )
    leaf = logits.detach().requires_grad_()
    full = F.interpolate(leaf, (20, 33), mode="bilinear", align_corners=align_corners)[..., :19, :30]
    expected = F.cross_entropy(full, target.long(), ignore_index=100, label_smoothing=0.1, reduction="none")
    torch.testing.assert_close(losses, expected.detach(), rtol=0, atol=1e-12)
    (reference,) = torch.autograd.grad((expected * pixel_weights).sum(), leaf)
    torch.testing.assert_close(gradient, reference, rtol=0, atol=1e-12)


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("label", [1, 100])
def test_a_logit_that_is_not_finite_shows(label, bad, triton_engine):
    engine, device = triton_engine
    logits = uniform(1, 3, 2, 2).float().to(device)
    logits[0, 2, 1, 1] = bad
    losses, _ = engine(
        logits,
        torch.full((1, 5, 5), label, device=device),
        placement=Placement.whole((5, 5), align_corners=True),
        pixel_loss=PixelLoss(torch.ones(3, device=device), 0.0, 100),
        pixel_weights=None,
    )
    assert not losses.sum().isfinite()


@pytest.mark.gpu
def test_a_label_without_a_class_makes_the_loss_not_a_number(triton_engine):
    engine, device = triton_engine
    for stray in (3, -1, 2**40):
        target = torch.tensor([[[0, 1, stray, 255]]], device=device)
        losses, _ = engine(
            torch.zeros(1, 3, 1, 4, device=device),
            target,
            placement=Placement(size=(1, 4), align_corners=True, crop=(1, 4)),
            pixel_loss=PixelLoss(torch.ones(3, device=device), 0.0, 255),
            pixel_weights=None,
        )
        assert losses.isnan().flatten().tolist() == [False, False, True, False]
