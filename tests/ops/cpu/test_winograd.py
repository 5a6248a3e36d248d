"""Winograd's convolution against the plain definition in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.ops.cpu.winograd import transform_filters, winograd_conv2d
from atrous.ops.cpu.winograd_schemes import SCHEMES, cheapest, saving, schemes


def filters(channels, count, *, dtype, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, channels, 3, 3, generator=generator, dtype=dtype), torch.randn(
        count, generator=generator, dtype=dtype
    )


def convolved(x, weight, bias, *, rate, **bounds):
    height, width = x.shape[-2:]
    transformed = transform_filters(weight, schemes(height, width, rate=rate))
    return winograd_conv2d(x, transformed, bias, rate=rate, **bounds)


@pytest.mark.parametrize("scheme", SCHEMES[2:], ids=lambda scheme: f"{len(scheme.output_transform)} outputs")
def test_a_scheme_is_a_filter_in_exact_numbers(scheme):
    """On every basis vector of inputs and taps, so on all."""
    outputs = len(scheme.output_transform)
    for taps in np.eye(3):
        computed = scheme.output_transform @ ((scheme.filter_transform @ taps)[:, None] * scheme.input_transform)
        expected = [[taps[i - o] if 0 <= i - o < 3 else 0 for i in range(outputs + 2)] for o in range(outputs)]
        np.testing.assert_allclose(computed, expected, atol=1e-14)


@settings(max_examples=40)
@given(
    st.integers(0, 2),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 8),
    st.sampled_from(["NCHW", "channels-last", "strided"]),
    st.integers(0, 9),
)
def test_any_map_at_any_rate_is_the_plain_convolution(batch, channels, count, height, width, rate, memory, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, channels, height, 2 * width, generator=generator, dtype=torch.float64)[..., ::2]
    if memory != "strided":
        x = x.contiguous(memory_format=torch.channels_last if memory == "channels-last" else torch.contiguous_format)
    weight, bias = filters(channels, count, dtype=x.dtype, seed=seed)
    expected = F.conv2d(x, weight, bias, padding=rate, dilation=rate)
    torch.testing.assert_close(convolved(x, weight, bias, rate=rate), expected, rtol=0, atol=1e-12)
    clamped = convolved(x, weight, bias, rate=rate, bounds=(0.0, 6.0))
    torch.testing.assert_close(clamped, F.relu6(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("size", "rate"), [(33, 2), (20, 6), (20, 9), (20, 12), (20, 30)])
def test_single_precision_rounds_a_few_millionths(size, rate):
    """Every scheme: four, three and two outputs, short maps, and the centre tap alone. More channels than a block."""
    x = torch.randn(1, 300, size, size).relu()
    weight, bias = filters(300, 260, dtype=torch.float32)
    exact = F.conv2d(x.double(), weight.double(), bias.double(), padding=rate, dilation=rate)
    off = (convolved(x, weight, bias, rate=rate) - exact).std() / exact.std()
    assert off < 5e-6


def test_chunks_and_threads_change_nothing(monkeypatch):
    x, (weight, bias) = torch.randn(2, 5, 37, 41, dtype=torch.float64), filters(5, 4, dtype=torch.float64)
    whole = convolved(x, weight, bias, rate=2)
    monkeypatch.setattr("atrous.ops.cpu.winograd_kernels.TILES", 7)
    monkeypatch.setattr("atrous.ops.cpu.winograd_kernels.CHANNELS", 2)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    torch.testing.assert_close(convolved(x, weight, bias, rate=2), whole, rtol=0, atol=1e-13)


def test_an_infinity_stays_in_its_tile():
    x, (weight, bias) = torch.zeros(1, 1, 16, 16), filters(1, 1, dtype=torch.float32)
    x[0, 0, 2, 2] = np.inf
    out = convolved(x, weight, bias, rate=1)
    assert not out[..., 1:4, 1:4].isfinite().any()
    torch.testing.assert_close(out[..., 8:, :], bias.view(1, 1, 1, 1).expand(1, 1, 8, 16))


def test_products_by_hand():
    """16 positions are four tiles of four: 24 products of 48; at rate 6, maps of 3, 3, 3, 3, 2 and 2 positions."""
    assert products(16, 1) == [24]
    assert saving(16, 16, rate=1) == 4
    assert products(16, 6) == [2 * 3, 4 * 5]
    assert products(33, 18) == [3 * 1, 15 * 3]
    assert products(33, 33) == products(33, 40) == [33]
    assert saving(33, 33, rate=40) == 9


def products(length, rate):
    return [run.products for run in cheapest(length, rate)]
