"""Run folders that were written before a setting existed."""

import json

import pytest

from atrous.errors import InputError
from atrous.training.config import LossConfig
from atrous.training.run import FORMAT, Run
from fakes.run import changed, small_run

pytestmark = pytest.mark.usefixtures("nothing_drawn")

CONFIG = changed(iterations=2, validate_every=2, norm_momentum=0.9)


def forget(path, *names) -> None:
    settings = json.loads(path.read_text())
    settings.pop("format", None)
    for name in names:
        group, _, leaf = name.rpartition(".")
        del (settings["training"][group] if group else settings["training"])[leaf]
    path.write_text(json.dumps(settings))


def test_a_setting_that_a_folder_does_not_know_had_its_default(tmp_path):
    small_run(tmp_path / "run", tmp_path / "data", config=CONFIG)
    forget(tmp_path / "run" / "config.json", "accumulate", "sampling.hard_copies", "norms", "weights")
    assert small_run(tmp_path / "run", tmp_path / "data", config=CONFIG).iteration == 2
    forget(tmp_path / "run" / "config.json", "sampling", "patience")
    with pytest.raises(InputError, match=r"holds another run \(training patience: 0 there, 3 now\)"):
        small_run(tmp_path / "run", tmp_path / "data", config=changed(**{**vars(CONFIG), "patience": 3}))


def test_a_setting_that_stood_outside_its_group_still_counts(tmp_path):
    config = changed(**{**vars(CONFIG), "loss": LossConfig(class_balance=0.5)})
    small_run(tmp_path / "run", tmp_path / "data", config=config)
    path = tmp_path / "run" / "config.json"
    settings = json.loads(path.read_text())
    del settings["format"]
    settings["training"]["class_balance"] = settings["training"].pop("loss")["class_balance"]
    path.write_text(json.dumps(settings))
    assert small_run(tmp_path / "run", tmp_path / "data", config=config).iteration == 2
    path.write_text(json.dumps(settings))
    with pytest.raises(InputError, match=r"training loss class_balance: 0.5 there, 0.0 now"):
        small_run(tmp_path / "run", tmp_path / "data", config=CONFIG)


def test_a_setting_that_only_the_folder_knows_is_a_difference(tmp_path):
    small_run(tmp_path / "run", tmp_path / "data", config=CONFIG)
    path = tmp_path / "run" / "config.json"
    settings = json.loads(path.read_text())
    del settings["format"]
    settings["training"]["novelty"] = 7
    path.write_text(json.dumps(settings))
    with pytest.raises(InputError, match="training novelty: 7 there, None now"):
        Run(tmp_path / "run", settings={**settings, "training": CONFIG})


def test_a_folder_of_a_later_format_is_refused(tmp_path):
    small_run(tmp_path / "run", tmp_path / "data", config=CONFIG)
    path = tmp_path / "run" / "config.json"
    settings = json.loads(path.read_text())
    assert settings["format"] == FORMAT == 1
    path.write_text(json.dumps({**settings, "format": 2}))
    with pytest.raises(InputError, match="has format 2, this atrous reads 0 to 1; use the version that wrote it"):
        small_run(tmp_path / "run", tmp_path / "data", config=CONFIG)
