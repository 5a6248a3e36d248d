"""The effective receptive field: against differences, by brute force, and inside the theoretical one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from atrous.analysis.effective_field import EffectiveField, affordable_size, effective_field, fresh_model, random_images
from atrous.analysis.receptive_field import receptive_fields
from atrous.errors import InputError
from atrous.model.build import build
from atrous.model.presets import PRESETS
from fakes.small_models import small_config

MOBILE = small_config("deeplabv3_mobilenet_v2")


def images(size, *, count=1, seed=0):
    return list(random_images(count, channels=3, size=size, seed=seed))


def test_the_gradient_is_what_small_changes_do():
    """Of ten pixels, every channel moved by a thousandth of a grey level both ways, in float64."""
    config = small_config("deeplabv3plus_mobilenet_v2", output_stride=8)
    config = replace(config, head=replace(config.head, image_pooling=False))
    model, (image,) = fresh_model(config).double(), images((41, 57))
    heat = effective_field(model, [image.double()]).heat
    middle = (slice(None), slice(None), 5, 7)  # of the logits of 41x57 at stride 4, 11x15
    label = int(model(image.double())[middle].argmax())
    changes = {}
    for row, column in np.random.default_rng(0).integers((41, 57), size=(10, 2)):
        changes[row, column] = 0.0
        for channel in range(3):
            low, high = image.double(), image.double()
            low[0, channel, row, column] -= 1e-3
            high[0, channel, row, column] += 1e-3
            changes[row, column] += abs(float((model(high) - model(low))[middle][0, label]))
    measured = torch.stack([heat[row, column] for row, column in changes])
    expected = torch.tensor(list(changes.values()), dtype=torch.float64)
    torch.testing.assert_close(measured / measured.sum(), expected / expected.sum(), rtol=1e-5, atol=1e-7)


def test_it_lies_inside_the_theoretical_field():
    """Image pooling sees all 577 pixels; without its gradient none is beyond 491 pixels around the logit."""
    model = fresh_model(MOBILE)
    size = receptive_fields(model)["classifier"]
    assert size == 491
    found = effective_field(model, images((33, 577)))
    assert found.center == (16, 288)
    columns = found.heat.sum(dim=0)
    assert columns[288 - 245 : 288 + 246].sum() == pytest.approx(1)
    assert not columns[: 288 - 245].any()
    assert not columns[288 + 246 :].any()
    # The outermost pixels are seen by way of the outermost tap of every layer, which fresh weights all but drown.
    assert 33 < found.side(0.95) < size


def test_a_mean_over_images_and_a_share_of_the_whole():
    model, (first, second) = fresh_model(MOBILE), images((65, 65), count=2)
    both, one, other = (effective_field(model, chosen).heat for chosen in ([first, second], [first], [second]))
    assert float(both.sum()) == pytest.approx(1)
    assert not torch.equal(one, other)
    share = torch.linalg.lstsq(torch.stack([one, other]).flatten(1).T, both.flatten()[:, None])
    assert float(share.solution.sum()) == pytest.approx(1)
    assert float(share.solution.min()) > 0
    torch.testing.assert_close(share.solution[0] * one + share.solution[1] * other, both)
    assert not first.requires_grad


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (17, 16)])
def test_small_images_and_a_map_of_one_position(size):
    """Where all of the image is one position, nothing is left out."""
    for config in (PRESETS["deeplabv3_mobilenet_v2"], small_config("deeplabv3plus_resnet50")):
        model = fresh_model(config)
        found = effective_field(model, images(size))
        assert found.heat.shape == size
        assert float(found.heat.sum()) == pytest.approx(1)
        assert all(0 <= middle < length for middle, length in zip(found.center, size, strict=True))


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
        lambda size: st.tuples(
            st.just(size), st.tuples(*(st.integers(0, length - 1) for length in size)), st.floats(0.05, 0.95)
        )
    )
)
def test_squares_by_brute_force(drawn):
    size, (row, column), share = drawn
    heat = np.random.default_rng(0).random(size) + 0.1
    heat /= heat.sum()
    field = EffectiveField(torch.from_numpy(heat), (row, column))
    reach = max(row, size[0] - 1 - row, column, size[1] - 1 - column)
    squares = [heat[max(row - r, 0) : row + r + 1, max(column - r, 0) : column + r + 1].sum() for r in range(reach + 1)]
    assert field.mass().numpy() == pytest.approx(squares)
    assert field.side(share) == 1 + 2 * next(r for r, mass in enumerate(squares) if mass >= share)


def test_fresh_weights_are_the_seeds_and_leave_the_random_state_alone():
    before = torch.get_rng_state()
    one, same, other = (fresh_model(MOBILE, seed=seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(tensor, same[name]) for name, tensor in one.items())
    assert not torch.equal(one["classifier.weight"], other["classifier.weight"])


def test_settled_maps_do_not_grow():
    """Batch norm gives deviation 1 before each ReLU; an unsettled MobileNetV2 ends in ReLU6's ceiling."""
    config = small_config("deeplabv3_resnet50")
    (image,) = images((129, 129), seed=1)
    settled, unsettled = fresh_model(config), build(config).eval()
    with torch.no_grad():
        deep = [model.backbone(model.preprocess(image, output_stride=16)).high for model in (settled, unsettled)]
    assert 0.3 < float(deep[0].std()) < 3 < 30 < float(deep[1].std())


@pytest.mark.parametrize("weight", [0.0, float("nan")])
def test_weights_without_a_field(weight):
    model = fresh_model(MOBILE)
    nn.init.constant_(model.classifier.weight, weight)
    with pytest.raises(InputError, match="have no effective receptive field"):
        effective_field(model, images((33, 33)))


@pytest.mark.parametrize(
    ("size", "multiply_adds", "part"),
    [
        ((513, 513), 97_811_000_000, (513, 513)),
        ((1025, 2049), 21_000_000_000, (769, 769)),
        ((513, 2049), 21_000_000_000, (513, 769)),
        ((512, 512), 4 * 300_000_000_000, (225, 225)),  # a quarter of the pixels: 256, and so of the form 32 k + 1
        ((10, 10), 10**15, (1, 1)),
    ],
)
def test_what_is_affordable(size, multiply_adds, part):
    assert affordable_size(size, multiply_adds=multiply_adds) == part
