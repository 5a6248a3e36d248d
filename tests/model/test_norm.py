import logging

import numpy as np
import pytest
import torch

from atrous.model.atrous import AtrousConv
from atrous.model.norm import BatchNorm, freeze_norms, norms, set_norm_momentum
from reference.weights import arrays, randomize, uniform


@pytest.fixture
def norm():
    return randomize(BatchNorm(2, eps=1e-3))


def normalized(x, norm, mean, variance):
    """By hand, channel by channel."""
    columns = [
        (x[:, c] - mean[c]) / np.sqrt(variance[c] + 1e-3) * norm.weight[c].item() + norm.bias[c].item()
        for c in range(2)
    ]
    return np.stack(columns, axis=1)


def test_eval_uses_running_statistics(norm):
    x = uniform(2, 2, 3, 4)
    expected = normalized(x.numpy(), norm, norm.running_mean.numpy(), norm.running_var.numpy())
    np.testing.assert_allclose(norm(x).detach().numpy(), expected, atol=1e-12)


def test_training_uses_the_batch(norm):
    x = uniform(2, 2, 3, 4)
    norm.train()
    values = x.numpy()
    expected = normalized(values, norm, values.mean(axis=(0, 2, 3)), values.var(axis=(0, 2, 3)))
    np.testing.assert_allclose(norm(x).detach().numpy(), expected, atol=1e-12)


def test_one_value_per_channel_is_normalised_by_running_statistics_and_said_once(norm, monkeypatch, caplog):
    monkeypatch.setattr("atrous.model.norm._warned", False)
    x, before = uniform(1, 2, 1, 1), arrays(norm)
    norm.train()
    with caplog.at_level(logging.WARNING):
        y = norm(x)
        norm(x)
    expected = normalized(x.numpy(), norm, before["running_mean"], before["running_var"])
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=1e-12)
    assert all(np.array_equal(value, before[name]) for name, value in arrays(norm).items())
    assert [record.getMessage().count("one value per channel") for record in caplog.records] == [1]


@pytest.mark.parametrize("shape", [(2, 2, 1, 1), (1, 2, 1, 2), (1, 2, 2, 1)])
def test_two_values_per_channel_are_statistics(norm, shape, caplog):
    before = norm.running_mean.clone()
    norm.train()
    norm(uniform(*shape))
    assert not torch.equal(norm.running_mean, before)
    assert not caplog.records


def test_frozen_norm_ignores_the_batch_in_training_but_learns(norm):
    before, x = arrays(norm), uniform(3, 2, 4, 4)
    freeze_norms(norm)
    norm.train()
    y = norm(x)
    expected = normalized(x.numpy(), norm, before["running_mean"], before["running_var"])
    np.testing.assert_allclose(y.detach().numpy(), expected, atol=1e-12)
    (y**2).sum().backward()
    assert norm.weight.grad.abs().min() > 0
    assert norm.bias.grad.abs().min() > 0
    assert all(np.array_equal(value, before[name]) for name, value in arrays(norm).items())


def test_freeze_can_fix_scale_and_shift_too():
    layer = AtrousConv(1, 2)
    freeze_norms(layer, affine=True)
    assert [name for name, parameter in layer.named_parameters() if parameter.requires_grad] == ["conv.weight"]


def test_momentum_is_the_share_of_the_new_batch(norm):
    set_norm_momentum(norm, 0.25)
    before, x = norm.running_mean.clone(), uniform(2, 2, 5, 5)
    norm.train()
    norm(x)
    torch.testing.assert_close(norm.running_mean, 0.75 * before + 0.25 * x.mean(dim=(0, 2, 3)), rtol=0, atol=1e-12)


def test_norms_are_all_norms_in_order():
    first, second = AtrousConv(1, 2), AtrousConv(2, 3)
    assert norms(torch.nn.Sequential(first, second)) == [first.norm, second.norm]
