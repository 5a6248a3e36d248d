"""Batch norms of timm's networks become ours: the same numbers, and they freeze, renew and follow one momentum."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from atrous.errors import InputError
from atrous.model.any_backbone import deeplabv3
from atrous.model.backbones.atrous_encoder import AtrousEncoder
from atrous.model.backbones.replaced_norms import BatchNormAct, replace_norms
from atrous.model.norm import BatchNorm, freeze_norms, norms, set_norm_momentum
from atrous.training.norm_statistics import with_new_statistics
from reference.weights import randomize
from torchvision_shim import import_module

timm = import_module("timm")

NETWORKS = ("resnet18", "efficientnet_lite0", "regnety_002")
"""The first has plain batch norms, the others such that hold their activation."""


def network(name):
    torch.manual_seed(0)
    return timm.create_model(name, features_only=True)


def images(size=65):
    return torch.rand(3, 3, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_is_that_of_timm(name):
    """Outputs in training mode, gradients, running statistics, and the names of all of them."""
    theirs = randomize(network(name)).train()
    ours = copy.deepcopy(theirs)
    replace_norms(ours)
    assert type(ours) is type(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    kept = [module for module in ours.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(kept) > 10
    assert all(isinstance(module, BatchNorm) for module in kept)
    for model in (theirs, ours):
        sum(each.square().mean() for each in model(images())).backward()
    for (place, one), (_, other) in zip(theirs.named_parameters(), ours.named_parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-9, atol=1e-12, msg=place)
    for (place, one), (_, other) in zip(theirs.state_dict().items(), ours.state_dict().items(), strict=True):
        torch.testing.assert_close(other, one, rtol=1e-12, atol=1e-12, msg=place)


@pytest.mark.parametrize("name", NETWORKS)
def test_frozen_they_normalise_in_training_as_in_evaluation(name):
    encoder = randomize(AtrousEncoder(network(name)))
    before = copy.deepcopy(encoder.state_dict())
    with torch.no_grad():
        expected = encoder.eval()(images()).high
        freeze_norms(encoder)
        found = encoder.train()(images()).high
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert all(torch.equal(value, before[place]) for place, value in encoder.state_dict().items())
    freeze_norms(encoder, affine=True)
    learned = {place for place, parameter in encoder.named_parameters() if parameter.requires_grad}
    one_number_a_channel = {place for place, parameter in encoder.named_parameters() if parameter.ndim == 1}
    assert not {place for place in learned & one_number_a_channel if "bn" in place}


def test_momentum_and_new_statistics_reach_them():
    model = deeplabv3("timm:efficientnet_lite0", 4).train()
    set_norm_momentum(model, 0.25)
    inside = [module for module in model.backbone.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {module.momentum for module in inside} == {0.25}
    batches = [torch.randint(256, (2, 3, 65, 65), dtype=torch.uint8, generator=torch.manual_seed(2))]
    expected = copy.deepcopy(model)
    for module in expected.modules():
        if isinstance(module, nn.Dropout | nn.Dropout2d):
            module.p = 0.0
    update_bn(batches, expected)
    renewed = with_new_statistics(model, batches)
    for one, other in zip(norms(renewed), norms(expected), strict=True):
        torch.testing.assert_close(one.running_mean, other.running_mean, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(one.running_var, other.running_var, rtol=1e-5, atol=1e-6)


def test_a_norm_in_two_places_stays_one():
    shared = nn.BatchNorm2d(3)
    both = nn.ModuleDict({"one": shared, "two": nn.Sequential(shared)})
    replace_norms(both)
    assert isinstance(both["one"], BatchNorm)
    assert both["one"] is both["two"][0]
    assert both["one"].weight is shared.weight


class Whitened(nn.BatchNorm2d):
    """A batch norm that does something else, too."""

    def forward(self, input):  # noqa: A002
        return super().forward(input).tanh()


def test_another_kind_is_refused_by_name():
    stem = nn.Sequential(nn.BatchNorm2d(3), Whitened(4))
    with pytest.raises(InputError, match=r"^stem\.1 is a Whitened, which cannot be frozen or spread over replicas; "):
        replace_norms(nn.ModuleDict({"stem": stem}))
    assert type(stem[0]) is nn.BatchNorm2d


def test_frozen_norms_without_statistics_go_on_with_those_of_the_batch():
    both = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), nn.BatchNorm2d(3, affine=False)).double()
    expected = copy.deepcopy(both)[0].train()(images())
    replace_norms(both)
    freeze_norms(both, affine=True)
    torch.testing.assert_close(both.train()[0](images()), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(both[1](images()), copy.deepcopy(both[1]).eval()(images()), rtol=1e-12, atol=1e-12)


def test_fixed_norms_leave_the_parameters_of_their_activation():
    norm = BatchNormAct(3, nn.Identity(), nn.PReLU())
    freeze_norms(norm, affine=True)
    assert [name for name, parameter in norm.named_parameters() if parameter.requires_grad] == ["act.weight"]
