"""Class weights taken back out of the logits: against a minimum found by an optimiser, and by hand in a whole run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import atrous
from atrous.data.class_weights import write_class_weights
from atrous.data.sample import Sample
from atrous.evaluation.evaluate import evaluate
from atrous.inference.predictor import Predictor
from atrous.labels import LabelSpace
from atrous.model.build import build
from atrous.model.config import LRASPPConfig, MobileNetV3Config, ModelConfig
from atrous.training.config import DistillationConfig, LossConfig
from atrous.training.logit_adjustment import logit_adjustment, lower_logits
from atrous.training.loop import train
from atrous.training.loss import CustomLoss, SegmentationLoss
from atrous.training.run import Run
from atrous.training.start import fresh_state
from atrous.training.teacher import load_teacher
from atrous.weights.archive import load
from fakes.camvid import fake_camvid
from fakes.memory_data import MemoryData
from fakes.run import CONFIG, CPU, changed, small_data, small_run


def bias_of(model):
    assert model.classifier.bias is not None
    return model.classifier.bias.detach().double()


def weighted(weights, **settings):
    """The loss of a run that found these class weights."""
    data = MemoryData(LabelSpace.unnamed(3), (Sample("a", np.zeros((2, 2, 3), np.uint8), np.eye(2, dtype=np.uint8)),))
    loss = SegmentationLoss(data, LossConfig(**{"class_balance": 0.5, **settings}), device=CPU)
    loss.class_weights = weights
    return loss


ADJUSTED = changed(loss=LossConfig(class_balance=0.4), logit_adjustment=0.5)
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
        adjustment = logit_adjustment(weighted(weights), share=1.0)
        assert adjustment is not None
        lower_logits(model, adjustment)
        true = model(image).softmax(1)[0, :, 0, 0]
    assert shown[2] > 5 * counts[2] / counts.sum()  # what the loss with weights paints too large
    torch.testing.assert_close(true, counts / counts.sum(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("config", [replace(CONFIG.model, classes=3), LRASPP], ids=["one classifier", "two"])
def test_logits_are_lower_by_the_share_of_the_logarithms(config):
    torch.manual_seed(0)
    model = build(config).eval()
    image = torch.randint(256, (1, 3, 49, 65), dtype=torch.uint8)
    adjustment = logit_adjustment(weighted(torch.tensor([0.5, 0.0, 8.0])), share=0.5)
    assert adjustment is not None
    with torch.no_grad():
        before = model(image)
        lower_logits(model, adjustment)
        lower = before - model(image)
    expected = torch.tensor([-0.34657359, 0.0, 1.03972077])  # half of ln 0.5, nothing, half of ln 8
    torch.testing.assert_close(lower, expected[:, None, None].expand_as(lower[0])[None], rtol=0, atol=2e-6)


def frequencies_of(data):
    counts = np.zeros(len(data.labels))
    for index in range(len(data)):
        labels = data[index].labels
        values, times = np.unique(labels[labels != data.labels.ignore], return_counts=True)
        counts[values] += times
    return counts


@pytest.mark.usefixtures("nothing_drawn")
def test_a_run_saves_adjusted_logits_and_trains_as_without(tmp_path):
    small_run(tmp_path / "plain", tmp_path / "data", config=replace(ADJUSTED, logit_adjustment=0.0))
    state = small_run(tmp_path / "run", tmp_path / "data", config=ADJUSTED)
    plain, run = (load_file(tmp_path / name / "state.safetensors") for name in ("plain", "run"))
    assert plain.keys() == run.keys()
    assert all(torch.equal(tensor, run[name]) for name, tensor in plain.items())

    counts = frequencies_of(small_data(tmp_path / "data"))
    there = counts > 0
    weights = (np.median(counts[there]) / counts[there]) ** 0.4
    lower = (bias_of(state.result) - bias_of(load(tmp_path / "run" / "last.safetensors").model)).numpy()[there]
    # Weights are scaled by one number for all, so that it is differences between classes that count.
    np.testing.assert_allclose(lower - lower[0], 0.5 * np.log(weights / weights[0]), rtol=0, atol=1e-6)


@pytest.mark.usefixtures("nothing_drawn")
@pytest.mark.parametrize("changes", [{}, {"norm_images": 6, "norm_momentum": 0.9}], ids=["", "and statistics anew"])
def test_what_is_validated_is_what_is_saved(changes, tmp_path):
    """Evaluating the saved file gives the figure of the run, and another network than the state's own."""
    state = small_run(tmp_path / "run", tmp_path / "data", config=replace(ADJUSTED, **changes))
    archive, validation = load(tmp_path / "run" / "last.safetensors"), small_data(tmp_path / "data", "val")
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    (stated,) = (line for line in lines if "miou" in line and line["iteration"] == 6)
    saved, own = (
        evaluate(Predictor(model, labels=validation.labels), validation) for model in (archive.model, state.result)
    )
    assert (stated["miou"], stated["pixel_accuracy"]) == (saved.miou, saved.pixel_accuracy)
    assert (saved.miou, saved.pixel_accuracy) != (own.miou, own.pixel_accuracy)


@pytest.mark.usefixtures("nothing_drawn")
def test_with_statistics_anew_both_changes_are_in_the_saved_network_and_a_resumed_run_ends_alike(tmp_path):
    both = replace(ADJUSTED, norm_images=6)
    state = small_run(tmp_path / "run", tmp_path / "data", config=both)
    small_run(tmp_path / "renewed", tmp_path / "data", config=replace(both, logit_adjustment=0.0))
    small_run(tmp_path / "resumed", tmp_path / "data", config=both, stop=2)
    small_run(tmp_path / "resumed", tmp_path / "data", config=both)
    run, renewed, resumed = (load_file(tmp_path / name / "last.safetensors") for name in ("run", "renewed", "resumed"))
    different = {name for name, value in run.items() if not torch.equal(value, renewed[name])}
    assert different == {"classifier.bias"}
    assert all(torch.equal(value, resumed[name]) for name, value in run.items())
    assert not torch.equal(run["classifier.bias"], bias_of(state.result).float())
    name = next(name for name in run if name.endswith("running_mean"))
    assert not torch.equal(run[name], state.result.state_dict()[name])


@pytest.mark.usefixtures("nothing_drawn")
def test_weights_that_start_another_run_are_not_adjusted_twice(tmp_path):
    """A second run that hardly moves saves what it was given, in the moving average as in the network itself."""
    small_run(tmp_path / "one", tmp_path / "data", config=ADJUSTED)
    first = tmp_path / "one" / "last.safetensors"
    still = replace(ADJUSTED, weights=str(first), learning_rate=1e-30, norms="frozen")
    for decay in (0.0, 0.9):
        small_run(tmp_path / f"two{decay}", tmp_path / "data", config=replace(still, ema_decay=decay))
        saved = load(tmp_path / f"two{decay}" / "last.safetensors").model
        torch.testing.assert_close(bias_of(saved), bias_of(load(first).model), rtol=0, atol=1e-6)
    # Without an adjustment of its own a run goes on from the weights as they are.
    small_run(tmp_path / "three", tmp_path / "data", config=replace(still, logit_adjustment=0.0))
    saved = load(tmp_path / "three" / "last.safetensors").model
    torch.testing.assert_close(bias_of(saved), bias_of(load(first).model), rtol=0, atol=1e-6)


@pytest.mark.usefixtures("nothing_drawn")
def test_a_second_stage_saves_what_the_first_one_saved(tmp_path):
    fake_camvid(tmp_path / "data")
    done = atrous.train(tmp_path / "data", out=tmp_path / "run", recipe="scenes", device="cpu", iterations=2,
                        norm_momentum=1.0, batch_size=2, crop=17, workers=0, depth_multiplier=0.1, aspp_channels=8,
                        class_balance=0.4, logit_adjustment=0.5, second_iterations=2, second_split="train",
                        second_learning_rate=1e-30, second_output_stride=16)  # fmt: skip
    first, second = (load(folder / "last.safetensors").model for folder in (done.folder / "stage1", done.folder))
    torch.testing.assert_close(bias_of(second), bias_of(first), rtol=0, atol=1e-6)
    assert bias_of(first).any()


@pytest.mark.usefixtures("nothing_drawn")
def test_a_run_that_started_from_weights_is_raised_once_however_often_it_resumes(tmp_path):
    small_run(tmp_path / "one", tmp_path / "data", config=ADJUSTED)
    config = replace(ADJUSTED, weights=str(tmp_path / "one" / "last.safetensors"))
    small_run(tmp_path / "whole", tmp_path / "data", config=config)
    for stop in (2, 4, None):
        small_run(tmp_path / "parts", tmp_path / "data", config=config, stop=stop)
    for file in ("last.safetensors", "state.safetensors"):
        whole, parts = (load_file(tmp_path / name / file) for name in ("whole", "parts"))
        assert all(torch.equal(value, parts[name]) for name, value in whole.items())


@pytest.mark.usefixtures("nothing_drawn")
def test_a_student_of_a_teacher_alone_saves_what_the_teacher_says(tmp_path, monkeypatch):
    """Where the network is its own teacher and nothing else teaches, no gradient moves it."""
    quiet = replace(ADJUSTED.model, head=replace(ADJUSTED.model.head, dropout=0.0))
    small_run(tmp_path / "one", tmp_path / "data", config=replace(ADJUSTED, ema_decay=0.0, model=quiet))
    first = str(tmp_path / "one" / "last.safetensors")
    taught = DistillationConfig(teacher=first, confidence=0.0)
    config = replace(ADJUSTED, weights=first, distillation=taught, norms="frozen", ema_decay=0.0, weight_decay=0.0,
                     learning_rate=0.5, model=quiet)  # fmt: skip
    monkeypatch.setattr(SegmentationLoss, "__call__", lambda _, __, logits, *_args, **_kw: 0 * logits.sum())
    data = small_data(tmp_path / "data")
    run = Run(tmp_path / "two", settings={"training": config})
    state = fresh_state(config, data=data, device=CPU)
    run.resume(state)
    teacher = load_teacher(config, labels=data.labels)
    for _ in train(state, config, data=data, validation=None, run=run, device=CPU, teacher=teacher):
        pass
    saved, before = load(tmp_path / "two" / "last.safetensors").model, load(Path(first)).model
    torch.testing.assert_close(bias_of(saved), bias_of(before), rtol=0, atol=1e-4)


def test_weights_of_a_file_are_meant_as_they_are(tmp_path):
    data, path = small_data(tmp_path / "data"), tmp_path / "weights.json"
    write_class_weights(path, np.linspace(0.5, 4.0, 11), space=data.labels)
    loss = SegmentationLoss(data, LossConfig(class_weights=str(path)), device=CPU)
    assert loss.class_weights is not None
    assert logit_adjustment(loss, share=0.5) is None


def test_nothing_is_adjusted_without_a_share_or_class_weights_or_by_a_loss_of_the_user(tmp_path):
    weights = torch.tensor([0.5, 1.0, 2.0])
    assert logit_adjustment(weighted(weights), share=0.5) is not None
    assert logit_adjustment(weighted(weights), share=0.0) is None
    assert logit_adjustment(SegmentationLoss(small_data(tmp_path), device=CPU), share=0.5) is None
    own = CustomLoss(lambda logits, labels: logits.mean() + 0 * labels.sum(), ignore=255)
    assert logit_adjustment(own, share=0.5) is None
