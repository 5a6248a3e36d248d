"""Every way of computing a depthwise convolution against torch's own in float64."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from atrous.ops.cpu.depthwise import depthwise_conv2d


def uniform(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def plain(x, kernel, *, stride, padding, rate):
    return F.conv2d(x, kernel, None, stride, padding, rate, x.shape[1])


def with_gradients(convolve, x, kernel, weights, **how):
    """Output and the gradients of a weighted sum of it."""
    x, kernel = x.clone().requires_grad_(), kernel.clone().requires_grad_()
    y = convolve(x, kernel, **how)
    return y.detach(), *torch.autograd.grad((y * weights).sum(), (x, kernel))


@pytest.fixture
def convolutions(monkeypatch):
    """The (input shape, input type, rate) of every convolution that torch computes."""
    seen = []
    conv2d = F.conv2d

    def recorded(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        seen.append((tuple(x.shape), x.dtype, dilation))
        return conv2d(x, weight, bias, stride, padding, dilation, groups)

    monkeypatch.setattr(F, "conv2d", recorded)
    return seen


@settings(max_examples=80)
@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    kernel=st.sampled_from([1, 3, 5]),
    channels_last=st.booleans(),
    how=st.one_of(
        st.tuples(st.just(1), st.integers(1, 7)),  # stride, rate
        st.tuples(st.integers(2, 3), st.just(1)),
    ),
)
def test_output_and_both_gradients_are_those_of_the_plain_convolution(size, kernel, channels_last, how):
    stride, rate = how
    x, weight = uniform(2, 3, *size), uniform(3, 1, kernel, kernel, seed=1)
    if channels_last:
        x = x.to(memory_format=torch.channels_last)
    arguments = {"stride": stride, "padding": rate * (kernel // 2), "rate": rate}
    weights = uniform(*plain(x, weight, **arguments).shape, seed=2)
    ours = with_gradients(depthwise_conv2d, x, weight, weights, **arguments)
    theirs = with_gradients(plain, x, weight, weights, **arguments)
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "rate", "maps"),
    # rate^2 maps of ceil(size / rate): here the last rows and columns are padding, or there is none.
    [((9, 9), 2, (4, 5, 5)), ((10, 12), 2, (4, 5, 6)), ((12, 13), 4, (16, 3, 4)), ((21, 21), 7, (49, 3, 3))],
)
def test_dilated_ones_are_computed_on_interleaved_maps(size, rate, maps, convolutions):
    x, weight = uniform(2, 3, *size), uniform(3, 1, 3, 3, seed=1).requires_grad_()
    depthwise_conv2d(x, weight, stride=1, padding=rate, rate=rate)
    count, height, width = maps
    assert convolutions == [((2 * count, 3, height, width), torch.float64, 1)]


@pytest.mark.parametrize(
    ("size", "rate", "padding"),
    [((9, 9), 1, 1), ((20, 8), 3, 3), ((9, 9), 4, 4), ((12, 12), 2, 0)],
    ids=["not dilated", "rate above a third of the map", "the same, square", "not padded"],
)
def test_where_interleaving_would_not_pay_or_not_fit_torch_does_it(size, rate, padding, convolutions):
    x, weight = uniform(2, 3, *size), uniform(3, 1, 3, 3, seed=1).requires_grad_()
    y = depthwise_conv2d(x, weight, stride=1, padding=padding, rate=rate)
    assert convolutions == [((2, 3, *size), torch.float64, rate)]
    torch.testing.assert_close(y, plain(x, weight, stride=1, padding=padding, rate=rate), rtol=0, atol=0)


def test_inference_is_left_to_torch(convolutions):
    x, weight = uniform(2, 3, 12, 12), uniform(3, 1, 3, 3, seed=1)
    depthwise_conv2d(x, weight, stride=1, padding=2, rate=2)
    with torch.no_grad():
        depthwise_conv2d(x, weight.requires_grad_(), stride=1, padding=2, rate=2)
    assert convolutions == [((2, 3, 12, 12), torch.float64, 2)] * 2


@pytest.mark.parametrize("rate", [1, 2])
def test_half_precision_is_as_near_as_half_precision_can_be(rate):
    """Strided ones are computed in float32, the others in bfloat16; autocast rounds the float32 kernel, too."""
    stride = 2 if rate == 1 else 1
    arguments = {"stride": stride, "padding": rate, "rate": rate}
    x, weight = uniform(2, 3, 12, 12).bfloat16(), uniform(3, 1, 3, 3, seed=1).float()
    weights = uniform(2, 3, 12 // stride, 12 // stride, seed=2)
    expected = with_gradients(plain, x.double(), weight.double(), weights, **arguments)
    with torch.autocast("cpu", torch.bfloat16):
        found = with_gradients(depthwise_conv2d, x, weight, weights.float(), **arguments)
    assert [tensor.dtype for tensor in found] == [torch.bfloat16, torch.bfloat16, torch.float32]
    for mine, exact in zip(found, expected, strict=True):
        # bfloat16 has 8 significant bits; sums of up to 72 (output: 9) rounded products of size 1.
        torch.testing.assert_close(mine.double(), exact, rtol=2**-7, atol=0.1)


def test_strided_half_precision_is_computed_in_float32(convolutions):
    x, weight = uniform(2, 3, 12, 12).bfloat16(), uniform(3, 1, 3, 3, seed=1).bfloat16().requires_grad_()
    y = depthwise_conv2d(x, weight, stride=2, padding=1, rate=1)
    assert convolutions == [((2, 3, 12, 12), torch.float32, 1)]
    exact = plain(x.double(), weight.double(), stride=2, padding=1, rate=1)
    torch.testing.assert_close(y, exact.bfloat16(), rtol=2**-8, atol=0)
