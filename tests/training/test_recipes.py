import re

import pytest

from atrous.errors import InputError
from atrous.plain import from_plain, to_plain
from atrous.training.config import LossConfig, TrainConfig
from atrous.training.recipes import RECIPES, recipe


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_survives_json_and_says_its_source_or_cost(name):
    chosen = recipe(name)
    assert from_plain(TrainConfig, to_plain(chosen.config), where="test") == chosen.config
    if chosen.second.second_iterations:
        second = chosen.second.after(chosen.config)
        assert from_plain(TrainConfig, to_plain(second), where="test") == second
    told = RECIPES[name].__doc__ or ""
    assert re.search(r"Cost|minutes", told)


# DeepLabv3, section 4.1 and appendix C; the official code's documents: steps, crop, rate, output stride, batch.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("voc", (30000, (513, 513), 0.007, 16, 16)),
        ("voc-coco", (30000, (513, 513), 0.0001, 16, 16)),
        ("coco", (300000, (513, 513), 0.007, 16, 16)),
        ("cityscapes", (90000, (769, 769), 0.01, 16, 16)),
        ("ade20k", (150000, (513, 513), 0.007, 16, 16)),
    ],
)
def test_the_first_stage_is_the_printed_one(name, expected):
    config = recipe(name).config
    found = (config.iterations, config.crop, config.learning_rate, config.model.output_stride, config.batch_size)
    assert found == expected
    assert config.norm_momentum == pytest.approx(1 - 0.9997)
    assert (config.norms, config.power, config.momentum, config.flip_probability) == ("trained", 0.9, 0.9, 0.5)
    assert (config.ema_decay, config.jitter, config.loss, config.precision) == (0, 0, LossConfig(), "float32")


@pytest.mark.parametrize(("name", "rate"), [("voc", 0.001), ("voc-coco", 0.0001)])
def test_the_second_stage_is_the_printed_one(name, rate):
    chosen = recipe(name)
    second = chosen.second.after(chosen.config)
    assert (chosen.split, chosen.second.second_split) == ("trainaug", "trainval")
    assert (second.iterations, second.learning_rate, second.model.output_stride) == (30000, rate, 8)
    assert (second.norms, second.batch_size, second.crop) == ("frozen", 16, (513, 513))


def test_camvid_is_what_was_measured():
    config = recipe("camvid").config
    assert (config.iterations, config.batch_size, config.crop, config.learning_rate) == (6000, 8, (321, 321), 0.07)
    assert (config.norm_momentum, config.loss.class_balance, config.ema_decay, config.warmup) == (0.02, 0.4, 0.998, 100)


def test_an_unknown_recipe_gets_the_most_similar_or_all_known():
    with pytest.raises(InputError, match=r"unknown recipe 'camvidd'; did you mean 'camvid'\?$"):
        recipe("camvidd")
    with pytest.raises(InputError, match=r"unknown recipe 'mine'; known: ade20k, camvid, .*, voc-coco$"):
        recipe("mine")


@pytest.mark.parametrize("fields", [{"second_iterations": -1}, {"second_batch_size": -1}])
def test_a_second_stage_that_cannot_be_is_refused(fields):
    chosen = recipe("voc")
    with pytest.raises(InputError, match="second-iterations and second-batch-size cannot be negative"):
        type(chosen.second)(**fields)
