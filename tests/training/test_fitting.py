"""The rule of `finetune`, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atrous.data.sample import Sample
from atrous.errors import InputError
from atrous.labels import LabelSpace
from atrous.training.fitting import DataFacts, facts_of, settings_for_data, short_run_norm_momentum
from atrous.training.recipes import recipe
from fakes.memory_data import MemoryData

START = recipe("finetune").config


@pytest.mark.parametrize(
    ("facts", "iterations", "crop", "validate_every", "warmup"),
    [
        # 55 * sqrt(60) = 426; 0.9 * 360 = 324 -> 321 = 20 * 16 + 1; five validations cost far less than a fifth.
        (DataFacts(60, 101, (360, 480)), 430, (321, 321), 86, 43),
        (DataFacts(50, 10, (360, 480)), 390, (321, 321), 78, 39),
        # 55 * sqrt(367) = 1053.7, the nearest ten is 1050.
        (DataFacts(367, 101, (360, 480)), 1050, (321, 321), 210, 100),
        (DataFacts(5, 1, (64, 64)), 300, (65, 65), 60, 30),  # 65 = 4 * 16 + 1 is the least that holds 64
        (DataFacts(5, 1, (65, 66)), 300, (65, 81), 60, 30),
        (DataFacts(60, 40, (300, 1000)), 430, (305, 321), 86, 43),
        # 0.9 * 375 = 337.5 -> 337 = 21 * 16 + 1.
        (DataFacts(1464, 100, (375, 500)), 2100, (337, 337), 420, 100),
        (DataFacts(50000, 500, (1024, 2048)), 12300, (513, 513), 2460, 100),
        (DataFacts(10**6, 1, (20, 9)), 15000, (33, 17), 3000, 100),
        # Steps: 390 * 8 * 321^2 = 321 million pixels, of which 0.4 may be predicted; 1000 images are 173 million: 0.7.
        (DataFacts(50, 1000, (360, 480)), 390, (321, 321), 390, 39),
        # 300 images are 52 million: 2.5.
        (DataFacts(50, 300, (360, 480)), 390, (321, 321), 195, 39),
    ],
)
def test_steps_crop_and_validations_follow_from_the_data(facts, iterations, crop, validate_every, warmup):
    config = settings_for_data(START, facts)
    found = (config.iterations, config.crop, config.validate_every, config.warmup)
    assert found == (iterations, crop, validate_every, warmup)


@given(
    images=st.integers(1, 10**7),
    validation=st.integers(0, 10**6),
    size=st.tuples(st.integers(1, 20000), st.integers(1, 20000)),
    channels=st.integers(1, 8),
)
def test_any_data_has_settings(images, validation, size, channels):
    config = settings_for_data(START, DataFacts(images, validation, size, channels))
    assert all(side % 16 == 1 and side <= 513 for side in config.crop)
    assert all(side >= min(length, 321) for side, length in zip(config.crop, size, strict=True))
    assert config.model.in_channels == channels
    assert config.model.conventions.image_padding == "mirror"
    assert (config.jitter > 0) == (channels == 3)
    assert config.warmup < config.iterations
    assert config.validate_every <= config.iterations


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (5, 0.033),  # 300 steps: a window of 30
        (60, 0.023),  # 430 steps
        (367, 0.02),  # 1050 steps: a tenth would be 0.0095; the recipe has 0.02
    ],
)
def test_running_statistics_are_of_the_last_tenth_of_a_short_run(images, expected):
    assert settings_for_data(START, DataFacts(images, 10, (360, 480))).norm_momentum == expected


def test_shorter_runs_have_at_most_a_tenth_unless_more_is_needed():
    assert short_run_norm_momentum(120) == 0.083
    assert short_run_norm_momentum(60) == 0.1
    # (1 - m)^10 = 0.02 * 0.99 at m = 0.3245
    assert short_run_norm_momentum(10) == pytest.approx(0.325, abs=0.006)


def test_a_few_dozen_frames_take_a_quarter_of_an_hour_on_two_cores():
    config = settings_for_data(START, DataFacts(60, 101, (360, 480)))
    # 1.3 s a step, 0.15 s a validated frame.
    assert config.iterations * 1.3 + config.iterations / config.validate_every * 101 * 0.15 < 15 * 60


def test_facts_are_medians_of_a_few_evenly_spread():
    looked = []

    class Noted(MemoryData):
        def __getitem__(self, index):
            looked.append(index)
            return super().__getitem__(index)

    samples = tuple(Sample(str(n), np.zeros((10 + n % 3, 20 + n, 4), np.uint8), None) for n in range(40))
    data = Noted(LabelSpace.unnamed(2), samples)
    facts = facts_of(data, MemoryData(data.labels, samples[:7]))
    assert looked == list(range(0, 40, 3))
    assert facts == DataFacts(40, 7, (10, 20 + 18), channels=4)
    one = MemoryData(data.labels, samples[:1])
    assert facts_of(one, one) == DataFacts(1, 1, (10, 20), channels=4)
    with pytest.raises(InputError, match="no images to train on"):
        facts_of(MemoryData(data.labels, ()), data)
