"""One update against SGD written from its definition."""

import copy

import pytest
import torch
from torch import nn

from atrous.data.loader import Batch
from atrous.training.loss import SegmentationLoss
from atrous.training.start import fresh_state
from atrous.training.step import rate_at, train_step
from fakes.run import CPU, changed, small_data

CONFIG = changed(head_rate=10.0, weight_decay=0.05, warmup=1, seed=3)


def decays(model: nn.Module, name: str) -> bool:
    """Convolution kernels decay, unless they are depthwise: one input channel per filter."""
    kernel = model.get_parameter(name)
    return kernel.ndim == 4 and (kernel.shape[1] > 1 or kernel.shape[0] == 1)


def test_two_steps_by_hand(tmp_path):
    data = small_data(tmp_path)
    state = fresh_state(CONFIG, data=data, device=CPU)
    model = copy.deepcopy(state.model)
    velocity = {name: torch.zeros_like(value) for name, value in model.named_parameters()}
    average = {name: value.clone() for name, value in model.named_parameters()}
    loss_function = SegmentationLoss(data, device=CPU)
    generator = torch.Generator().manual_seed(0)
    for iteration in range(2):
        images = torch.randint(0, 256, (2, 3, 17, 17), dtype=torch.uint8, generator=generator)
        labels = torch.randint(0, 12, (2, 17, 17), dtype=torch.uint8, generator=generator)
        # The poly rate over 6 iterations, half of it in the only step of warm-up.
        rate = 0.007 * (1 - iteration / 6) ** 0.9 * (0.5, 1.0)[iteration]
        assert rate_at(iteration, CONFIG) == pytest.approx(rate)
        batch = Batch(images, labels, ("a", "b"))
        loss = train_step(state, CONFIG, batch=batch, rate=rate, loss_function=loss_function, device=CPU).loss

        torch.manual_seed(3 * 2**32 + iteration)  # dropout
        expected = loss_function(model, model(images), labels, iteration=iteration)
        assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
        gradients = torch.autograd.grad(expected, list(model.parameters()))
        with torch.no_grad():
            for (name, value), gradient in zip(model.named_parameters(), gradients, strict=True):
                share = 1.0 if name.startswith("backbone.") else 10.0
                velocity[name] = 0.9 * velocity[name] + gradient + (0.05 * value if decays(model, name) else 0.0)
                value -= rate * share * velocity[name]
                # The moving average trusts the present more while it is young: decay 1/10, then 2/11.
                average[name] += (1 - (1 + iteration) / (10 + iteration)) * (value - average[name])

    assert state.iteration == 2
    assert state.average is not None
    for name, value in model.named_parameters():
        torch.testing.assert_close(state.model.get_parameter(name), value, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(state.average.model.get_parameter(name), average[name], rtol=1e-4, atol=1e-6)


def test_the_highest_seed_and_step_have_a_seed(tmp_path):
    config = changed(seed=2**32 - 1)
    data = small_data(tmp_path)
    state = fresh_state(config, data=data, device=CPU)
    state.iteration = 5
    batch = Batch(torch.zeros(1, 3, 17, 17, dtype=torch.uint8), torch.zeros(1, 17, 17, dtype=torch.uint8), ("a",))
    loss_function = SegmentationLoss(data, device=CPU)
    assert train_step(state, config, batch=batch, rate=0.1, loss_function=loss_function, device=CPU).loss.isfinite()
    assert torch.initial_seed() == 2**64 - 2**32 + 5
