from atrous.model.build import build
from atrous.training.optimizer import build_optimizer
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
