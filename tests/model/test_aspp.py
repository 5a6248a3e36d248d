import numpy as np
import pytest
import torch

from atrous.errors import InputError
from atrous.model.aspp import ASPP, ImagePooling
from reference.networks import Reference
from reference.weights import arrays, randomize, uniform


@pytest.mark.parametrize("size", [(5, 8), (1, 1), (1, 3)])
@pytest.mark.parametrize("training", [False, True])
def test_image_pooling_is_the_projected_mean_everywhere(size, training):
    pooling = randomize(ImagePooling(3, 2, epsilon=1e-5))
    x = uniform(2, 3, *size)
    state = {f"pooling.{name}": array for name, array in arrays(pooling).items()}
    expected = Reference(state, training=training).image_pooling("pooling", x.numpy())
    pooling.train(training)
    np.testing.assert_allclose(pooling(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize(
    ("rates", "image_pooling"), [((1, 2, 3), True), ((1, 2, 3), False), ((), True), ((2,), True), ((1, 2, 3, 4), False)]
)
def test_aspp(rates, image_pooling, separable, training):
    aspp = randomize(
        ASPP(3, rates=rates, channels=4, image_pooling=image_pooling, separable=separable, projection=((1, 5, False),))
    )
    x = uniform(2, 3, 6, 5)
    reference = Reference(arrays(aspp), training=training)
    expected = reference.aspp(x.numpy(), rates=rates, separable=separable, image_pooling=image_pooling)
    aspp.train(training)
    aspp.dropout.p = 0.0
    np.testing.assert_allclose(aspp(x).detach().numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("output_stride", "rates"), [(4, (24, 48, 72)), (8, (12, 24, 36)), (16, (6, 12, 18)), (32, (3, 6, 9))]
)
def test_rates_follow_the_output_stride(output_stride, rates):
    aspp = ASPP(3, channels=4, projection=(), separable=True, output_stride=output_stride)
    assert aspp.rates == rates
    assert tuple(aspp.branches[f"aspp{number}"].rate for number in (1, 2, 3)) == rates


def test_replanning_an_odd_rate_to_32_is_refused_and_changes_nothing():
    aspp = randomize(ASPP(3, rates=(2, 3), channels=4))
    x = uniform(1, 3, 9, 9)
    before = aspp(x)
    with pytest.raises(InputError, match=r"ASPP rate 3 .* output stride 32; choose multiples of 2"):
        aspp.plan(output_stride=32)
    assert aspp.rates == (2, 3)
    assert torch.equal(aspp(x), before)


def test_projection_may_have_many_layers_or_none():
    aspp = randomize(ASPP(3, rates=(1,), channels=2, projection=((3, 4, False), (3, 5, True))))
    reference, x = Reference(arrays(aspp)), uniform(1, 3, 4, 4)
    first = reference.aspp(x.numpy(), rates=(1,), separable=False, image_pooling=True)
    expected = reference.separable("projection.1", first)
    assert aspp.out_channels == 5
    np.testing.assert_allclose(aspp(x).detach().numpy(), expected, atol=1e-12)
    assert ASPP(3, rates=(1, 2), channels=2, projection=()).out_channels == 8  # pooling, 1x1, two rates: 4 x 2


def test_dropout_acts_after_the_projection_in_training_only():
    aspp = randomize(ASPP(3, rates=(), channels=8, dropout=0.5))
    x = uniform(2, 3, 16, 16)
    assert torch.equal(aspp(x), aspp(x))
    before = aspp.projection.eval()(torch.cat([branch(x) for branch in aspp.branches.values()], dim=1))
    aspp.dropout.train()
    after = aspp(x)
    kept = after != 0
    torch.testing.assert_close(after[kept], 2 * before[kept])
    assert abs(kept.double().mean() / (before != 0).double().mean() - 0.5) < 0.02
