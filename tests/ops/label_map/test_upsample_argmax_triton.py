"""The GPU's kernels against those of the CPU; with TRITON_INTERPRET=1 they run without a GPU, slowly."""

import os

import numpy as np
import pytest
import torch

from atrous.ops.label_map.backend import compiled_module
from atrous.ops.label_map.upsample_argmax import upsample_argmax
from atrous.ops.upsample import Placement
from reference.operations import bilinear
from reference.weights import uniform

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


@pytest.fixture
def triton_ways():
    """The module of the kernels, and where they run."""
    pytest.importorskip("triton", reason="needs Triton")
    if not INTERPRETED and not torch.cuda.is_available():
        pytest.skip("needs cuda, or TRITON_INTERPRET=1")
    from atrous.ops.label_map import cuda as kernels

    return kernels, torch.device("cpu" if INTERPRETED else "cuda")


def whole_numbers(shape, *, infinite):
    """Whole numbers: at dyadic positions nothing is rounded, so that every pixel has one right label."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randint(-3, 4, shape, generator=generator).double()
    for special in (float("inf"), -float("inf"), float("nan")) if infinite else ():
        logits[torch.rand(shape, generator=generator) < 0.04] = special
    return logits


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:invalid value encountered")  # the interpreter is numpy
@pytest.mark.parametrize(
    ("shape", "size", "crop"),
    [
        ((2, 7, 5, 3), (9, 9), (8, 9)),
        ((1, 3, 2, 2), (2, 513), (2, 513)),  # more columns than a program holds
        ((1, 4, 9, 9), (5, 3), (5, 3)),  # smaller than the map
        ((2, 1, 1, 1), (3, 4), (3, 4)),
        ((1, 258, 2, 2), (3, 3), (3, 3)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("infinite", [False, True])
def test_labels_are_those_of_the_cpu_on_every_pixel(infinite, channels_last, dtype, shape, size, crop, triton_ways):
    ways, device = triton_ways
    logits = whole_numbers(shape, infinite=infinite).to(dtype)
    if channels_last:
        logits = logits.contiguous(memory_format=torch.channels_last)
    placement = Placement(size, align_corners=True, crop=crop)
    expected = upsample_argmax(logits, placement)
    labels = torch.empty_like(expected, device=device)
    ways.fill_label_map(logits.to(device), labels, placement)
    assert torch.equal(labels.cpu(), expected)


@pytest.mark.gpu
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(
    ("shape", "size", "crop"),
    [
        ((2, 5, 4, 3), (13, 11), (13, 10)),  # cells of 3 to 5 pixels
        ((1, 3, 3, 9), (45, 140), (45, 140)),  # cells of many patches, more patches than a program has threads
        ((1, 6, 7, 5), (9, 6), (8, 6)),
        ((2, 4, 9, 8), (4, 3), (4, 3)),  # smaller than the map
    ],
)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("layout", ["contiguous", "channels last", "every second"])
@pytest.mark.parametrize("smooth", [False, True])
def test_labels_are_those_of_the_largest_value_in_float64(
    smooth, layout, dtype, shape, size, crop, align_corners, triton_ways
):
    """Smooth maps have areas whose corners agree; in noise hardly any cell does."""
    ways, device = triton_ways
    logits = uniform(*shape, seed=len(layout))
    if smooth:
        logits = logits.cumsum(3).cumsum(2)
    logits = logits.to(dtype).to(device)
    if layout == "channels last":
        logits = logits.contiguous(memory_format=torch.channels_last)
    elif layout == "every second":
        logits = logits.repeat_interleave(2, dim=1).repeat_interleave(2, dim=3)[:, ::2, :, ::2]
    labels = torch.empty(shape[0], *crop, dtype=torch.uint8, device=device)
    ways.fill_label_map(logits, labels, Placement(size, align_corners=align_corners, crop=crop))
    values = bilinear(logits.double().cpu().numpy(), size, align_corners=align_corners)[..., : crop[0], : crop[1]]
    chosen = np.take_along_axis(values, labels.cpu().long().numpy()[:, None], axis=1)[:, 0]
    rounding = (1e-12 if dtype == torch.float64 else 2.0**-20) * logits.abs().max().item()
    assert (values.max(axis=1) - chosen).max() <= rounding


@pytest.mark.gpu
def test_programs_whose_corners_agree_need_no_interpolation(triton_ways):
    """A class that is the largest everywhere by less than interpolation rounds, beside one patch that is open."""
    ways, device = triton_ways
    logits = torch.zeros(1, 3, 2, 60, device=device)
    logits[:, 1] = 1e-30
    logits[:, 2, :, 50] = 1
    labels = torch.empty(1, 5, 237, dtype=torch.uint8, device=device)
    ways.fill_label_map(logits, labels, Placement.whole((5, 237), align_corners=True))
    expected = torch.ones(1, 5, 237, dtype=torch.uint8)
    expected[..., 197:204] = 2  # within a pixel of coarse column 50
    assert torch.equal(labels.cpu(), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_takes_the_kernels():
    logits = uniform(1, 21, 9, 13).cuda()
    placement = Placement((40, 51), align_corners=False, crop=(39, 50))
    torch.testing.assert_close(upsample_argmax(logits, placement).cpu(), upsample_argmax(logits.cpu(), placement))
    assert compiled_module("cuda") is not None
