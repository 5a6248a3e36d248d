"""Running statistics computed anew: torch's own `update_bn` on the same batches is the independent source."""

import copy
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch.optim.swa_utils import update_bn

from atrous.data.loader import training_batches
from atrous.data.selection import Selection
from atrous.errors import InputError
from atrous.model.build import build
from atrous.model.norm import freeze_norms, norms, synchronize_norms
from atrous.training.batches import first_images, step_batches
from atrous.training.config import DistillationConfig, SamplingConfig
from atrous.training.norm_statistics import with_new_statistics
from atrous.training.sampling import bootstrapped, training_transforms
from atrous.training.stages import SecondStage
from atrous.weights.archive import load
from fakes.run import CONFIG, changed, small_data, small_run


def random_batch(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (3, 3, 65, 65), dtype=torch.uint8, generator=generator)


POOLING = "aspp.branches.image_pooling.project.norm"
BATCHES = [random_batch(1), random_batch(2)]


def trained_network():
    """A network in training mode, whose statistics have moved."""
    torch.manual_seed(0)
    model = build(CONFIG.model).train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.randint(256, (2, 3, 65, 65), dtype=torch.uint8))
    return model


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout | torch.nn.Dropout2d):
            module.p = 0.0
    return model


def assert_same_statistics(model, other):
    for one, two in zip(norms(model), norms(other), strict=True):
        torch.testing.assert_close(one.running_mean, two.running_mean, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(one.running_var, two.running_var, rtol=1e-5, atol=1e-6)


def test_statistics_are_those_of_torch_and_dropout_is_off():
    model = trained_network()
    expected = without_dropout(copy.deepcopy(model))
    update_bn(BATCHES, expected)
    before = copy.deepcopy(model)
    renewed = with_new_statistics(model, BATCHES)
    assert_same_statistics(renewed, expected)
    assert not renewed.training
    assert not any(norm.training for norm in norms(renewed))
    assert model.training
    for one, two in zip(model.state_dict().values(), before.state_dict().values(), strict=True):
        assert torch.equal(one, two)  # the network that goes on training is as it was
    parameters = zip(renewed.parameters(), before.parameters(), strict=True)
    assert all(torch.equal(one, two) for one, two in parameters)


def test_first_statistics_by_hand():
    """The stem's in float64: the mean of both batches' means, and of their unbiased variances."""
    model = trained_network()
    seen = []
    stem = norms(model)[0]
    handle = stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].double()))
    model.eval()
    with torch.no_grad():
        for batch in BATCHES:
            model(batch)
    handle.remove()
    renewed = norms(with_new_statistics(model, BATCHES))[0]
    mean = torch.stack([values.mean((0, 2, 3)) for values in seen]).mean(0)
    variance = torch.stack([values.transpose(0, 1).flatten(1).var(1, correction=1) for values in seen]).mean(0)
    torch.testing.assert_close(renewed.running_mean.double(), mean, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(renewed.running_var.double(), variance, rtol=1e-5, atol=1e-6)


def test_frozen_norms_and_single_values_keep_their_statistics():
    model = trained_network()
    freeze_norms(model.backbone)
    renewed = with_new_statistics(model, [batch[:1] for batch in BATCHES])
    frozen = zip(norms(model.backbone), norms(renewed.backbone), strict=True)
    for one, two in frozen:
        assert torch.equal(one.running_mean, two.running_mean)
        assert torch.equal(one.running_var, two.running_var)
    assert any(
        not torch.equal(one.running_mean, two.running_mean)
        for one, two in zip(norms(model), norms(renewed), strict=True)
    )
    pooling = model.get_submodule(POOLING)  # of one image, it sees one value per channel
    assert torch.equal(pooling.running_mean, renewed.get_submodule(POOLING).running_mean)
    assert torch.equal(pooling.running_var, renewed.get_submodule(POOLING).running_var)


def test_norms_that_span_replicas_are_measured_by_one_process_alone():
    model = trained_network()
    expected = with_new_statistics(model, BATCHES)
    synchronize_norms(model)  # in training each of them would wait for all replicas; none has joined here
    assert_same_statistics(with_new_statistics(model, BATCHES), expected)
    assert all(norm.spans_replicas for norm in norms(model))


def test_a_run_validates_and_saves_them_and_trains_as_without(tmp_path):
    hard = SamplingConfig(hard_copies=3, hard_classes=("Car",))
    config = changed(norm_images=5, jitter=0.2, ema_decay=0.5, sampling=hard)
    small_run(tmp_path / "plain", tmp_path / "data", config=replace(config, norm_images=0))
    state = small_run(tmp_path / "run", tmp_path / "data", config=config)
    plain, run = (load_file(tmp_path / name / "state.safetensors") for name in ("plain", "run"))
    assert plain.keys() == run.keys()
    for name, tensor in plain.items():
        assert torch.equal(tensor, run[name]), name

    data = small_data(tmp_path / "data")
    transforms = training_transforms(config, state.model.config.conventions, space=data.labels)
    assert config.batch_size < 5 <= 3 * config.batch_size
    shown = bootstrapped(data, hard)
    assert len(shown) > len(data)
    batches = training_batches(shown, transforms, batch_size=config.batch_size, seed=config.seed, start=0,
                               stop=-(-5 // config.batch_size), workers=0)  # fmt: skip
    expected = without_dropout(copy.deepcopy(state.result))
    update_bn([batch.images for batch in batches], expected)
    saved = load(tmp_path / "run" / "last.safetensors").model
    assert_same_statistics(saved, expected)
    assert not torch.equal(norms(saved)[0].running_mean, norms(state.result)[0].running_mean)


def test_frozen_statistics_contradict_new_ones():
    for kind in ("frozen", "fixed"):
        with pytest.raises(InputError, match=f"norms {kind} keeps the running statistics; leave out norm-images"):
            changed(norms=kind, norm_images=8)


def test_a_second_stage_keeps_its_statistics():
    assert SecondStage(second_iterations=2).after(changed(norm_images=8)).norm_images == 0


@pytest.mark.parametrize("unlabelled", [False, True])
def test_crops_are_those_of_the_first_steps_in_the_parts_that_training_sees(unlabelled, tmp_path):
    """Beside unlabelled pictures as without: as a step cuts and joins them."""
    data = small_data(tmp_path / "data")
    learned = DistillationConfig(teacher="teacher", unlabelled="pictures") if unlabelled else DistillationConfig()
    config = changed(batch_size=4, accumulate=2, norm_images=5, jitter=0.2, distillation=learned)
    shown = Selection(data, (1, 1, 1, 0), rule="by hand")
    pictures = data if unlabelled else None
    conventions = config.model.conventions
    found = list(first_images(config, conventions, data=shown, unlabelled=pictures, count=5))
    assert [len(part) for part in found] == [2, 2, 2, 2]  # two steps of four crops hold the five
    steps = step_batches(config, conventions, data=shown, unlabelled=pictures, stop=2)
    expected = []
    for labelled, without in steps:
        for half in range(2):
            if without is None:
                expected.append(labelled.images[2 * half : 2 * half + 2])
            else:
                expected.append(torch.stack([labelled.images[half], without.images[half]]))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
