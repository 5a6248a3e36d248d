import pytest
import torch

from atrous.training.average import MovingAverage


def test_follows_the_weights_by_hand():
    model = torch.nn.BatchNorm1d(1)
    average = MovingAverage(model, decay=0.5)
    expected = {"weight": 1.0, "running_mean": 0.0}
    for step, value in enumerate((3.0, 5.0, -1.0)):
        with torch.no_grad():
            model.weight.fill_(value)
            model.running_mean.fill_(-value)
        average.update(model, step=step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected["weight"] = decay * expected["weight"] + (1 - decay) * value
        expected["running_mean"] = decay * expected["running_mean"] - (1 - decay) * value
    assert average.model.weight.item() == pytest.approx(expected["weight"], rel=1e-6)
    assert average.model.running_mean.item() == pytest.approx(expected["running_mean"], rel=1e-6)


def test_shares_no_memory_with_the_model():
    model = torch.nn.Linear(2, 2)
    average = MovingAverage(model, decay=0.9)
    before = average.model.weight.clone()
    with torch.no_grad():
        model.weight.add_(1)
    assert torch.equal(average.model.weight, before)
    assert not average.model.training
