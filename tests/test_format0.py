"""Archives and run folders that were written before they carried a format number load and go on, number for number."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import atrous
from atrous.model.config import ModelConfig
from atrous.model.old_config import upgraded_config
from atrous.model.presets import preset
from atrous.plain import from_plain
from fakes.run import small_run

pytestmark = pytest.mark.usefixtures("nothing_drawn")

FOLDER = Path(__file__).parent / "format0"
ARCHIVES = sorted((FOLDER / "archives").glob("*.safetensors"))
PRESETS = json.loads((FOLDER / "presets.json").read_text())


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.stem)
def test_an_archive_computes_what_it_computed(path):
    stored = np.load(FOLDER / "logits.npz")
    image, expected = torch.from_numpy(stored["image"]), torch.from_numpy(stored[path.stem])
    with torch.no_grad():
        logits = atrous.load(path).model.double()(image.double())
    assert logits.shape == expected.shape
    assert (logits - expected).abs().max() <= 1e-5 * expected.std()


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_is_what_it_was(name):
    assert from_plain(ModelConfig, upgraded_config(PRESETS[name]), where="presets.json") == preset(name)


def test_a_run_goes_on_bit_for_bit_as_one_of_today_with_the_same_state(tmp_path, monkeypatch):
    shutil.copytree(FOLDER / "run", tmp_path / "run")
    # Taps that crops do not reach started at random values then.
    monkeypatch.setattr("atrous.training.start.zero_unreached_taps", lambda *_, **__: ())
    begun = small_run(tmp_path / "today", tmp_path / "data", stop=2)
    state = tmp_path / "today" / "state.safetensors"
    old, new = load_file(FOLDER / "run" / state.name), load_file(state)
    assert {name: tensor.shape for name, tensor in old.items()} == {name: one.shape for name, one in new.items()}
    # Two steps on another processor: the same numbers but for its roundings, which these steps make larger.
    for name, tensor in old.items():
        difference = (tensor.double() - new[name].double()).abs().max()
        assert difference <= 0.02 * max(float(new[name].double().abs().max()), 1e-3), name
    shutil.copyfile(FOLDER / "run" / state.name, state)
    resumed = small_run(tmp_path / "run", tmp_path / "data")
    of_today = small_run(tmp_path / "today", tmp_path / "data")
    assert resumed.iteration == of_today.iteration == 6
    assert begun.iteration < 6
    for name, tensor in of_today.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], tensor), name
