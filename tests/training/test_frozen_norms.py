"""Stage 2 of the papers: running statistics do not move by one bit."""

import pytest
import torch

from atrous.model.norm import norms
from atrous.weights.archive import load
from fakes.run import changed, small_run

pytestmark = pytest.mark.usefixtures("nothing_drawn")


def statistics(model) -> list[torch.Tensor]:
    return [
        value
        for norm in norms(model)
        for value in (norm.running_mean, norm.running_var, norm.num_batches_tracked)
        if value is not None
    ]


def affine(model) -> list[torch.Tensor]:
    return [value for norm in norms(model) for value in (norm.weight, norm.bias)]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Weights with statistics that somebody measured, not the 0 and 1 of a fresh network."""
    folder = tmp_path_factory.mktemp("measured")
    small_run(folder / "run", folder / "data")
    return folder / "run" / "last.safetensors"


@pytest.mark.parametrize(("kind", "learns"), [("frozen", True), ("fixed", False)])
def test_statistics_keep_every_bit_and_scale_and_shift_learn_unless_fixed(kind, learns, measured, tmp_path):
    config = changed(norms=kind, learning_rate=0.1, backbone_weights=str(measured))
    before = load(measured).model.backbone
    state = small_run(tmp_path / "run", tmp_path / "data", config=config)
    assert state.average is not None
    for model in (state.model, state.average.model, load(tmp_path / "run" / "last.safetensors").model):
        for ours, theirs in zip(statistics(model.backbone), statistics(before), strict=True):
            assert ours.flatten().view(torch.uint8).equal(theirs.flatten().view(torch.uint8))
        # The fresh head, too, keeps what it started with.
        heads = [norm for norm in norms(model) if norm not in norms(model.backbone)]
        assert heads
        for norm in heads:
            assert not norm.running_mean.any()
            assert norm.running_var.eq(1).all()
    moved = [not torch.equal(a, b) for a, b in zip(affine(state.model.backbone), affine(before), strict=True)]
    assert all(moved) if learns else not any(moved)


def test_trained_statistics_do_move(measured):
    assert all(norm.running_mean.any() for norm in norms(load(measured).model))


def test_frozen_statistics_need_no_momentum_that_settles():
    assert changed(norms="frozen", norm_momentum=0.0003).norm_momentum == 0.0003
