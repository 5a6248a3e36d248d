import pytest
import torch

from atrous.model.build import build
from atrous.training.optimizer import build_optimizer, poly_rate, set_rate
from fakes.run import MODEL, changed


def test_decay_spares_depthwise_kernels_norms_and_biases():
    model = build(MODEL)
    optimizer = build_optimizer(model, changed(weight_decay=0.5))
    names = {parameter: name for name, parameter in model.named_parameters()}
    decayed = {names[p] for group in optimizer.param_groups if group["weight_decay"] for p in group["params"]}
    spared = {names[p] for group in optimizer.param_groups if not group["weight_decay"] for p in group["params"]}

    assert decayed | spared == set(names.values())
    assert not decayed & spared
    assert all(name.endswith("conv.weight") or name == "classifier.weight" for name in decayed)
    assert not any("depthwise" in name for name in decayed)
    assert {"classifier.bias", "backbone.units.3.depthwise.conv.weight", "backbone.stem.norm.weight"} <= spared
    assert {"backbone.stem.conv.weight", "backbone.units.3.project.conv.weight"} <= decayed


def test_only_the_head_has_the_head_rate():
    model = build(MODEL)
    optimizer = build_optimizer(model, changed(head_rate=10.0))
    names = {parameter: name for name, parameter in model.named_parameters()}
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert (group["factor"] == 1.0) == names[parameter].startswith("backbone.")


@pytest.mark.parametrize(
    ("iteration", "rate"),
    [
        (0, 0.007),
        (15000, 0.007 * 0.5**0.9),
        (29999, 0.007 * (1 / 30000) ** 0.9),
    ],
)
def test_the_papers_poly_rate(iteration, rate):
    assert poly_rate(iteration, base=0.007, iterations=30000) == pytest.approx(rate, rel=1e-9)


def test_warmup_rises_linearly_to_the_schedule():
    rates = [poly_rate(step, base=1.0, iterations=10**9, warmup=4) for step in range(6)]
    assert rates == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0], rel=1e-6)


def test_every_group_gets_its_share():
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    groups = [
        {"params": [parameter], "factor": factor} for parameter, factor in zip(parameters, (1.0, 10.0), strict=True)
    ]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    set_rate(optimizer, 0.03)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.03, 0.3])
