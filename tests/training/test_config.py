import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.errors import InputError
from atrous.training.config import LossConfig, least_norm_momentum
from fakes.run import CONFIG, MODEL, changed


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"iterations": 0}, "at least 1"),
        ({"learning_rate": -1.0}, "learning rate -1.0"),
        ({"scales": (1.0, 0.0)}, "scales"),
        ({"flip_probability": 1.5}, "flip probability 1.5"),
        ({"workers": -1}, "cannot be negative"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**32}, "seed 4294967296"),
        ({"norm_momentum": -1.0, "iterations": 30000}, "norm momentum -1.0 is out of range; choose 0 to 1"),
        ({"norm_momentum": 2.5}, "norm momentum 2.5"),
        ({"learning_rate": math.nan}, "learning rate nan"),
        ({"scales": (1.0, math.nan)}, "scales"),
        *(
            ({name: math.nan}, f"{name.replace('_', ' ')} nan is out of range")
            for name in ("head_rate", "power", "momentum", "weight_decay", "norm_momentum", "jitter", "ema_decay")
        ),
        *(
            ({"degradation": value}, f"degradation {value} is out of range; choose 0 to 1")
            for value in (-0.1, 1.1, math.nan)
        ),
        ({"patience": -1}, "norm-images and patience cannot be negative"),
        ({"logit_adjustment": 1.5}, "logit adjustment 1.5 is out of range; choose 0 to 1"),
        ({"norm_images": -1}, "norm-images and patience cannot be negative"),
        ({"weights": "a", "backbone_weights": "b"}, "weights fill the backbone, too; leave out backbone-weights"),
        ({"model": replace(MODEL, in_channels=4), "jitter": 0.1}, "jitter is for RGB, not for 4 channels"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(fields, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        changed(**fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"class_balance": math.nan}, "class balance nan is out of range; choose 0 to 2"),
        ({"label_smoothing": 1.5}, "label smoothing 1.5"),
        ({"dice": -1.0}, "dice -1.0"),
        ({"lovasz": math.inf}, "lovasz inf"),
        ({"hard_pixels": 0.0}, "hard pixels 0.0 is out of range"),
        ({"hard_pixels": math.nan}, "hard pixels nan"),
        ({"hard_pixel_steps": -1}, "hard-pixel-steps cannot be negative"),
    ],
)
def test_impossible_losses_are_refused_in_one_line(fields, message):
    with pytest.raises(InputError, match=re.escape(message)):
        LossConfig(**fields)


# Official code: 1 - (1 - k) * min(1, step / hard_example_mining_step), and k at once where that is 0.
@pytest.mark.parametrize(
    ("steps", "iteration", "share"),
    [(0, 0, 0.2), (0, 99, 0.2), (100, 0, 1.0), (100, 25, 0.8), (100, 100, 0.2), (100, 1000, 0.2)],
)
def test_the_share_of_hard_pixels_falls_linearly(steps, iteration, share):
    assert LossConfig(hard_pixels=0.2, hard_pixel_steps=steps).hard_share(iteration) == pytest.approx(share)
    assert LossConfig(hard_pixel_steps=steps).hard_share(iteration) == 1


def test_running_statistics_that_cannot_settle_are_refused_with_the_remedy():
    # (1 - 0.0003)^1000 = 0.74: the paper's decay needs 13000 iterations.
    with pytest.raises(InputError, match=r"74% .* at least 0\.004$"):
        changed(norm_momentum=0.0003, iterations=1000)
    changed(norm_momentum=0.0003, iterations=13100)
    changed(norm_momentum=0.004, iterations=1000)


@given(iterations=st.integers(1, 10**7))
def test_the_remedy_settles_and_is_hardly_more_than_needed(iterations):
    momentum = least_norm_momentum(iterations)
    assert (1 - momentum) ** iterations <= 0.02
    assert iterations == 1 or (1 - 0.88 * momentum) ** iterations > 0.02
    changed(norm_momentum=momentum, iterations=iterations)


@pytest.mark.parametrize(("every", "iterations"), [(2, 6), (4, 6), (10, 6)])
def test_validations_are_regular_and_at_the_end(every, iterations):
    config = changed(validate_every=every, iterations=iterations)
    found = [iteration for iteration in range(1, iterations + 1) if config.validates(iteration)]
    assert found == {2: [2, 4, 6], 4: [4, 6], 10: [6]}[every]


def test_the_small_configuration_is_valid():
    assert CONFIG.iterations == 6
