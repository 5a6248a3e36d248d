import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from atrous.model.atrous import AtrousConv, SeparableAtrousConv, pad_same, same_padding
from reference.networks import Reference, relu
from reference.operations import convolve
from reference.weights import arrays, randomize, uniform


@pytest.mark.parametrize(
    ("length", "stride", "margins"),
    # What TensorFlow does with a 3x3: papers.md, section 5.3.
    [
        (5, 2, (1, 1)),
        (6, 2, (0, 1)),
        (513, 2, (1, 1)),
        (224, 2, (0, 1)),
        (1, 2, (1, 1)),
        (6, 1, (1, 1)),
        (7, 1, (1, 1)),
    ],
)
def test_same_padding_of_3x3(length, stride, margins):
    assert same_padding(length, kernel=3, stride=stride) == margins


def test_same_padding_of_other_windows():
    assert same_padding(224, kernel=7, stride=2) == (2, 3)
    assert same_padding(8, kernel=1, stride=2) == (0, 0)  # more is there than is read: nothing to pad
    assert same_padding(8, kernel=5, stride=1) == (2, 2)  # 3x3 at rate 2


def test_pad_same_puts_the_odd_row_below_and_right():
    padded = pad_same(torch.ones(1, 1, 2, 3), kernel=3, stride=2, value=-7.0)
    assert padded.tolist() == [[[[-7, 1, 1, 1, -7], [-7, 1, 1, 1, -7], [-7, -7, -7, -7, -7]]]]


@settings(max_examples=60)
@given(
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    kernel=st.sampled_from([1, 3, 5, 7]),
    stride=st.integers(1, 3),
    rate=st.integers(1, 4),
    padding=st.sampled_from(["symmetric", "same"]),
    depthwise=st.booleans(),
)
def test_atrous_conv_is_the_definition(size, kernel, stride, rate, padding, depthwise):
    layer = AtrousConv(
        4, 4 if depthwise else 3, kernel=kernel, stride=stride, rate=rate, groups=4 if depthwise else 1,
        padding=padding, epsilon=1e-3, activation=nn.ReLU(),
    )  # fmt: skip
    randomize(layer)
    x = uniform(2, 4, *size)
    state = {f"layer.{name}": array for name, array in arrays(layer).items()}
    reference = Reference(state, epsilon=1e-3, padding=padding)
    expected = reference.layer("layer", x.numpy(), activation=relu, stride=stride, rate=rate, depthwise=depthwise)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-12)


def test_rate_is_zeros_between_taps():
    """A 3x3 at rate r is the ordinary (2r + 1)x(2r + 1) filter with r - 1 zeros between its taps."""
    weight, x = uniform(2, 3, 3, 3).numpy(), uniform(1, 3, 9, 8, seed=1).numpy()
    for rate in (1, 2, 3, 5):
        dense = np.zeros((2, 3, 2 * rate + 1, 2 * rate + 1))
        dense[:, :, ::rate, ::rate] = weight
        np.testing.assert_allclose(convolve(x, weight, rate=rate), convolve(x, dense), atol=1e-12)


def test_training_uses_and_keeps_the_statistics_of_the_batch():
    layer = randomize(AtrousConv(3, 2, kernel=3, stride=2, padding="same"))
    before, x = arrays(layer), uniform(3, 3, 6, 5)
    layer.train()
    y = layer(x).detach().numpy()
    state = {f"layer.{name}": array for name, array in before.items()}
    reference = Reference(state, padding="same", training=True)
    np.testing.assert_allclose(y, reference.layer("layer", x.numpy(), stride=2), atol=1e-12)
    raw = convolve(x.numpy(), before["conv.weight"], stride=2, padding="same")
    mean, unbiased = raw.mean(axis=(0, 2, 3)), raw.var(axis=(0, 2, 3), ddof=1)
    np.testing.assert_allclose(layer.norm.running_mean, 0.9 * before["norm.running_mean"] + 0.1 * mean, atol=1e-12)
    np.testing.assert_allclose(layer.norm.running_var, 0.9 * before["norm.running_var"] + 0.1 * unbiased, atol=1e-12)


@pytest.mark.parametrize("padding", ["symmetric", "same"])
def test_replanned_layer_is_a_layer_planned_so_from_the_start(padding):
    layer = randomize(AtrousConv(3, 3, kernel=3, stride=2, padding=padding))
    other = AtrousConv(3, 3, kernel=3, stride=1, rate=4, padding=padding).double().eval()
    other.load_state_dict(layer.state_dict())
    layer.plan(stride=1, rate=4)
    x = uniform(1, 3, 7, 10)
    assert (layer.stride, layer.rate) == (1, 4)
    assert torch.equal(layer(x), other(x))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("rate", [1, 3])
def test_separable_conv(rate, training):
    layer = randomize(SeparableAtrousConv(4, 3, rate=rate, activation=nn.ReLU()))
    assert layer.rate == rate
    x = uniform(2, 4, 7, 6)
    state = {f"layer.{name}": array for name, array in arrays(layer).items()}
    expected = Reference(state, training=training).separable("layer", x.numpy(), rate=rate)
    layer.train(training)
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("stride", "rate", "groups"), [(1, 2, 1), (2, 1, 4), (1, 2, 4), (1, 3, 4)])
def test_gradients(stride, rate, groups):
    """Finite differences; rates and sizes that reach every way of computing a depthwise convolution."""
    layer = AtrousConv(4, 4, kernel=3, stride=stride, rate=rate, groups=groups, padding="same").double().train()

    def convolved(x, weight):
        return torch.func.functional_call(layer.conv, {"weight": weight}, (x,))

    assert torch.autograd.gradcheck(
        convolved, (uniform(1, 4, 9, 10).requires_grad_(), uniform(4, 4 // groups, 3, 3, seed=1).requires_grad_())
    )
