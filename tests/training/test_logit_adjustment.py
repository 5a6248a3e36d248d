"""Class weights taken back out of the logits: against a minimum found by an optimiser, and by hand in a whole run."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from atrous.model.build import build
from atrous.model.config import LRASPPConfig, MobileNetV3Config, ModelConfig
from atrous.training.config import LossConfig
from atrous.training.logit_adjustment import with_adjusted_logits
from atrous.weights.archive import load
from fakes.run import CONFIG, changed, small_data, small_run

LRASPP = ModelConfig(MobileNetV3Config(), head=LRASPPConfig(), decoder=None, classes=3)


def test_all_of_it_gives_the_frequencies_that_a_loss_with_weights_hides():
    """Nothing but a bias is learned, of pixels of which 970 are class 0, 25 class 1, and 5 class 2."""
    counts, weights = torch.tensor([970.0, 25.0, 5.0]), torch.tensor([0.9, 4.0, 9.0])
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([bias], lr=1.0, max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        value = -(counts.double() * weights.double() * F.log_softmax(bias, dim=0)).sum() / counts.sum()
        value.backward()
        return value

    optimizer.step(loss)
    model = build(replace(CONFIG.model, classes=3)).eval()
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(bias.detach())
    image = torch.zeros(1, 3, 33, 33, dtype=torch.uint8)
    with torch.no_grad():
        shown = model(image).softmax(1)[0, :, 0, 0]
        true = with_adjusted_logits(model, weights, share=1.0)(image).softmax(1)[0, :, 0, 0]
    assert shown[2] > 5 * counts[2] / counts.sum()  # what the loss with weights paints too large
    torch.testing.assert_close(true, counts / counts.sum(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("config", [replace(CONFIG.model, classes=3), LRASPP], ids=["one classifier", "two"])
def test_logits_are_lower_by_the_share_of_the_logarithms_and_the_network_stays(config):
    torch.manual_seed(0)
    model = build(config).eval()
    before = copy.deepcopy(model.state_dict())
    image = torch.randint(256, (1, 3, 49, 65), dtype=torch.uint8)
    adjusted = with_adjusted_logits(model, torch.tensor([0.5, 0.0, 8.0]), share=0.5)
    with torch.no_grad():
        lower = model(image) - adjusted(image)
    expected = torch.tensor([-0.34657359, 0.0, 1.03972077])  # half of ln 0.5, nothing, half of ln 8
    torch.testing.assert_close(lower, expected[:, None, None].expand_as(lower[0])[None], rtol=0, atol=2e-6)
    assert all(torch.equal(one, two) for one, two in zip(before.values(), model.state_dict().values(), strict=True))


@pytest.mark.usefixtures("nothing_drawn")
def test_a_run_saves_adjusted_logits_and_trains_as_without(tmp_path):
    config = changed(loss=LossConfig(class_balance=0.4), logit_adjustment=0.5)
    small_run(tmp_path / "plain", tmp_path / "data", config=replace(config, logit_adjustment=0.0))
    state = small_run(tmp_path / "run", tmp_path / "data", config=config)
    plain, run = (load_file(tmp_path / name / "state.safetensors") for name in ("plain", "run"))
    assert plain.keys() == run.keys()
    assert all(torch.equal(tensor, run[name]) for name, tensor in plain.items())

    data = small_data(tmp_path / "data")
    counts = np.zeros(len(data.labels))
    for index in range(len(data)):
        labels = data[index].labels
        assert labels is not None
        values, times = np.unique(labels[labels != data.labels.ignore], return_counts=True)
        counts[values] += times
    there = counts > 0
    weights = (np.median(counts[there]) / counts[there]) ** 0.4
    saved = load(tmp_path / "run" / "last.safetensors").model.classifier.bias
    trained = state.result.classifier.bias
    assert saved is not None
    assert trained is not None
    lower = (trained - saved).detach().double().numpy()[there]
    # Weights are scaled by one number for all, so that it is differences between classes that count.
    np.testing.assert_allclose(lower - lower[0], 0.5 * np.log(weights / weights[0]), rtol=0, atol=1e-6)


@pytest.mark.usefixtures("nothing_drawn")
def test_without_class_weights_nothing_is_adjusted(tmp_path):
    state = small_run(tmp_path / "run", tmp_path / "data", config=changed(logit_adjustment=0.5))
    saved = load(tmp_path / "run" / "last.safetensors").model
    assert torch.equal(saved.classifier.bias, state.result.classifier.bias)
