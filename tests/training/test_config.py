import re

import pytest

from atrous.errors import InputError
from atrous.plain import from_plain, to_plain
from atrous.training.config import TrainConfig
from atrous.training.recipes import RECIPES, recipe
from fakes.run import CONFIG, changed


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"iterations": 0}, "at least 1"),
        ({"learning_rate": -1.0}, "learning rate -1.0"),
        ({"scales": (1.0, 0.0)}, "scales"),
        ({"flip": 1.5}, "flip 1.5"),
        ({"workers": -1}, "cannot be negative"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(fields, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        changed(**fields)
    assert "\n" not in str(caught.value)


def test_running_statistics_that_cannot_settle_are_refused_with_the_remedy():
    # (1 - 0.0003)^1000 = 0.74: the paper's decay needs 13000 iterations.
    with pytest.raises(InputError, match=r"74% .* at least 0\.004$"):
        changed(norm_momentum=0.0003, iterations=1000)
    changed(norm_momentum=0.0003, iterations=13100)
    changed(norm_momentum=0.004, iterations=1000)


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_survives_json(name):
    config = recipe(name)
    assert from_plain(TrainConfig, to_plain(config), where="test") == config


def test_unknown_recipe_lists_the_known():
    with pytest.raises(InputError, match="unknown recipe 'camvidd'; known: camvid"):
        recipe("camvidd")


def test_the_small_configuration_is_valid():
    assert CONFIG.iterations == 6
