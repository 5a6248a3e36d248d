"""Files of Paddle (`.pdparams`): pickles of arrays by name, as `paddle.save` writes a state dict or a dict of these."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from atrous.errors import InputError
from atrous.importers.projects.read import read_torch
from reference.weights import drawn

REFERENCE = Path(__file__).parents[2] / "reference/torchvision_mobilenet_v3.safetensors"


@pytest.fixture(scope="module")
def state():
    with safe_open(REFERENCE, "pt") as stored:
        shapes = json.loads(stored.metadata()["shapes"])["lraspp_large"]
    return {name: drawn(name, shape).float() for name, shape in shapes.items() if "num_batches" not in name}


def arrays(state):
    """Paddle's names of the statistics, and its table of the names in its programs."""
    ends = {".running_mean": "._mean", ".running_var": "._variance"}
    found = {}
    for name, tensor in state.items():
        ending = name[name.rfind(".") :]
        found[name.removesuffix(ending) + ends.get(ending, ending)] = tensor.numpy()
    return found


class Parameter:
    """Pickled as a tensor of Paddle is outside of a state dict: as a call of `tuple`."""

    def __init__(self, array):
        self.array = array

    def __reduce__(self):
        return tuple, (("conv2d_0.w_0", self.array),)


def same(path, state):
    torch.save(state, path.with_suffix(".pth"))
    found, expected = read_torch(path), read_torch(path.with_suffix(".pth"))
    assert found.config == expected.config
    assert found.state.keys() == expected.state.keys()
    assert all(torch.equal(tensor, expected.state[name]) for name, tensor in found.state.items())


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_state_dict(state, tmp_path, protocol):
    content = {**arrays(state), "StructuredToParameterName@@": {"backbone.0.0.weight": "conv2d_0.w_0"}}
    (tmp_path / "model.pdparams").write_bytes(pickle.dumps(content, protocol))
    same(tmp_path / "model.pdparams", state)


def test_tensors_within_a_dict_of_the_training(state, tmp_path):
    content = {"epoch": 3, "model": {name: Parameter(array) for name, array in arrays(state).items()}}
    (tmp_path / "last.pdparams").write_bytes(pickle.dumps(content, 4))
    same(tmp_path / "last.pdparams", state)


def test_paddlesegs_networks_are_refused_by_name(tmp_path):
    names = (
        "backbone.conv1_1._conv.weight",
        "backbone.conv1_1._batch_norm._mean",
        "head.aspp.aspp_blocks.0._conv.weight",
    )
    content = {name: torch.zeros(4).numpy() for name in names}
    (tmp_path / "model.pdparams").write_bytes(pickle.dumps(content, 4))
    with pytest.raises(InputError, match=r"PaddleSeg, whose ResNet_vd .*give a PyTorch or TensorFlow checkpoint"):
        read_torch(tmp_path / "model.pdparams")


def test_calls_in_such_files_are_never_made(tmp_path):
    content = b"cposix\nsystem\n(S'touch " + str(tmp_path / "made").encode() + b"'\ntR."
    (tmp_path / "model.pdparams").write_bytes(content)
    with pytest.raises(InputError, match=r"a pickle without a state dict, which asks to call posix\.system: no code"):
        read_torch(tmp_path / "model.pdparams")
    assert not (tmp_path / "made").exists()
