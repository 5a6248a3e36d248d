"""What the calling program has set changes neither what is loaded nor what is computed."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import atrous
from atrous.inference.predictor import Predictor
from fakes.lively_model import blocks, lively_archive

ARRAY = np.ascontiguousarray(blocks(33, 49)[0].permute(1, 2, 0).numpy())


@pytest.fixture
def weights(tmp_path):
    archive = lively_archive()
    atrous.save(tmp_path / "a.safetensors", archive.model, labels=archive.labels, provenance={})
    return tmp_path / "a.safetensors"


def test_autocast_changes_no_probability():
    predictor = Predictor(lively_archive())
    expected = predictor.probabilities(ARRAY)
    with torch.autocast("cpu"):
        np.testing.assert_array_equal(predictor.probabilities(ARRAY), expected)
        assert torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_defaults_of_the_caller_change_nothing(weights, dtype, device):
    expected = Predictor(weights).probabilities(ARRAY)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device), torch.inference_mode():
            predictor = Predictor(weights)
            found = predictor.probabilities(ARRAY)
        assert torch.get_default_dtype() == dtype
    finally:
        torch.set_default_dtype(before)
    np.testing.assert_array_equal(found, expected)
    assert predictor.precision == "float32"
    assert {tensor.device.type for tensor in predictor.model.state_dict().values()} == {"cpu"}


FORK = """
import os, sys
import numpy as np, torch
import atrous
torch.set_num_threads(2)
predictor = atrous.Predictor(sys.argv[1], output_stride=8)
image = np.arange(97 * 129 * 3, dtype=np.uint8).reshape(97, 129, 3)
expected = predictor(image).labels
child = os.fork()
if not child:
    os._exit(0 if (predictor(image).labels == expected).mean() > 0.999 else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_after_use_works(weights):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", FORK, str(weights)], env=environment, timeout=100, check=False)
    assert done.returncode == 0
