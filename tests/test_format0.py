"""Archives and run folders that were written before they carried a format number load and go on, number for number."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

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


@pytest.fixture(autouse=True)
def _two_threads():
    """The stored numbers were computed with two threads; oneDNN chooses its algorithms by their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.stem)
def test_an_archive_computes_what_it_computed(path):
    stored = np.load(FOLDER / "logits.npz")
    image, expected = torch.from_numpy(stored["image"]), torch.from_numpy(stored[path.stem])
    with torch.no_grad():
        logits = atrous.load(path).model(image)
    assert logits.shape == expected.shape
    assert (logits - expected).abs().max() <= 1e-5 * expected.std()


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_is_what_it_was(name):
    assert from_plain(ModelConfig, upgraded_config(PRESETS[name]), where="presets.json") == preset(name)


def test_a_run_goes_on_as_one_that_was_never_stopped(tmp_path, monkeypatch):
    shutil.copytree(FOLDER / "run", tmp_path / "run")
    # Taps that crops do not reach started at random values then.
    monkeypatch.setattr("atrous.training.start.zero_unreached_taps", lambda *_, **__: ())
    resumed = small_run(tmp_path / "run", tmp_path / "data")
    undisturbed = small_run(tmp_path / "other", tmp_path / "data")
    assert resumed.iteration == undisturbed.iteration == 6
    for name, tensor in undisturbed.model.state_dict().items():
        difference = (resumed.model.state_dict()[name].double() - tensor.double()).abs().max()
        assert difference <= 1e-4 * max(float(tensor.double().abs().max()), 1e-3), name
