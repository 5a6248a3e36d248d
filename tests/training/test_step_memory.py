"""Memory of a training step: against what a GPU took, and by hand."""

from dataclasses import replace

import pytest

from atrous.model.presets import preset
from atrous.training.config import TrainConfig
from atrous.training.step_memory import StepMemory, fitting_parts, step_memory


@pytest.mark.parametrize(("name", "gibibytes"), [("deeplabv3_resnet50", 4.4), ("deeplabv3_resnet101", 6.1)])
def test_it_is_what_a_gpu_took(name, gibibytes):
    # docs/results.md, "On a GPU": peak of 16 crops of 513 in bfloat16 on one H200, without a moving average.
    config = TrainConfig(model=preset(name), batch_size=16, crop=(513, 513), precision="bfloat16", ema_decay=0.0)
    assert step_memory(config).total / 2**30 == pytest.approx(gibibytes, rel=0.06)


def test_parts_and_replicas_share_the_feature_maps_but_not_the_weights():
    whole = TrainConfig(model=preset("deeplabv3plus_mobilenet_v2"), batch_size=8, crop=(65, 65), ema_decay=0.9)
    one, parts = step_memory(whole), step_memory(replace(whole, accumulate=2, replicas=2))
    parameters = one.weights / 4 / 3  # float32; weights, momentum, average
    assert parameters == pytest.approx(2.73e6, rel=0.005)  # as README.md has it
    assert parts.weights == one.weights
    # An image pooled to one pixel and the constants of the scaling are all that does not grow with the batch.
    assert parts.activations * 4 == pytest.approx(one.activations, rel=0.01)


@pytest.mark.parametrize(("available", "parts"), [(900, 1), (899, 2), (500, 2), (299, 8), (200, 8), (199, None)])
def test_the_parts_that_fit(available, parts):
    config = TrainConfig(model=preset("deeplabv3plus_mobilenet_v2"), batch_size=8, accumulate=2)
    # 100 bytes of weights; 400 of four crops are 100 a crop: 8 crops at a time take 900, 4 take 500, 2 take 300.
    assert fitting_parts(StepMemory(100, 400), config, available=available) == parts


@pytest.mark.parametrize(("available", "parts"), [(900, 1), (899, 2), (500, 2), (499, 4), (300, 4), (299, None)])
def test_the_parts_of_one_replicas_share_that_fit(available, parts):
    config = TrainConfig(model=preset("deeplabv3plus_mobilenet_v2"), batch_size=8, accumulate=2, replicas=2)
    # Four crops for each replica, two at a time in 400 bytes: with the weights all four take 900, one takes 300.
    assert fitting_parts(StepMemory(100, 400), config, available=available) == parts
