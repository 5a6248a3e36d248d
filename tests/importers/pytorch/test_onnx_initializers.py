"""Initializers of ONNX models, written by ONNX's own library."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors import safe_open

from atrous.errors import InputError
from atrous.importers.projects.read import read_torch
from atrous.importers.pytorch.onnx_initializers import read_initializers
from reference.weights import drawn

REFERENCE = Path(__file__).parents[2] / "reference/torchvision_mobilenet_v3.safetensors"


def written(path, tensors, *, changes=()):
    model = helper.make_model(helper.make_graph([], "graph", [], [], tensors))
    for change in changes:
        change(model)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture(scope="module")
def state():
    """Tensors of a network of torchvision, as an exporter that folds nothing keeps them: without counters."""
    with safe_open(REFERENCE, "pt") as stored:
        shapes = json.loads(stored.metadata()["shapes"])["lraspp_large"]
    return {name: drawn(name, shape).float() for name, shape in shapes.items() if "num_batches" not in name}


def test_a_state_dict_in_an_onnx_model_is_that_of_the_checkpoint(state, tmp_path):
    tensors = [numpy_helper.from_array(tensor.numpy(), f"model.{name}") for name, tensor in state.items()]
    found = read_torch(written(tmp_path / "model.onnx", tensors))
    torch.save(state, tmp_path / "model.pth")
    expected = read_torch(tmp_path / "model.pth")
    assert (found.format, found.config, found.assumed) == (expected.format, expected.config, expected.assumed)
    assert found.state.keys() == expected.state.keys()
    assert all(torch.equal(tensor, expected.state[name]) for name, tensor in found.state.items())


def test_folded_norms_are_refused_with_the_way_round(state, tmp_path):
    tensors = [
        numpy_helper.from_array(tensor.numpy(), name if "classifier" in name else f"onnx::Conv_{number}")
        for number, (name, tensor) in enumerate(state.items())
    ]
    with pytest.raises(InputError, match=r"an ONNX model that holds no state dict: .*checkpoint that it was made from"):
        read_torch(written(tmp_path / "model.onnx", tensors))


TYPED = [
    (TensorProto.FLOAT, np.float32, [0.5, -2.0]),
    (TensorProto.DOUBLE, np.float64, [0.1, -2.0]),
    (TensorProto.FLOAT16, np.float16, [0.5, -1.25]),
    (TensorProto.INT64, np.int64, [-(2**40), 7]),
    (TensorProto.INT32, np.int32, [-5, 7]),
    (TensorProto.INT8, np.int8, [-5, 7]),
    (TensorProto.UINT8, np.uint8, [200, 7]),
    (TensorProto.BOOL, np.bool_, [True, False]),
]


@pytest.mark.parametrize("raw", [True, False])
def test_every_type_in_both_forms(tmp_path, raw):
    tensors = []
    for kind, dtype, values in TYPED:
        content = np.array(values, dtype).tobytes() if raw else values
        tensors.append(helper.make_tensor(str(kind), kind, [1, 2], content, raw=raw))
    tensors.append(helper.make_tensor("text", TensorProto.STRING, [1], [b"no number"]))
    found = read_initializers(written(tmp_path / "model.onnx", tensors))
    assert found.keys() == {str(kind) for kind, _, _ in TYPED}
    for kind, dtype, values in TYPED:
        expected = torch.from_numpy(np.array([values], dtype))
        assert found[str(kind)].dtype == expected.dtype
        assert torch.equal(found[str(kind)], expected)


def external(model):
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL


def too_wide(model):
    model.graph.initializer[0].dims[0] = 2**40


def too_deep(model):
    model.graph.initializer[0].dims.extend([1] * 100)


def negative(model):
    model.graph.initializer[0].dims[0] = -1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external, "weights lie in another file; save it in one file"),
        (too_wide, r"initializer w: .*shape \[1099511627776\] has 16 bytes"),
        (too_deep, "more than 8 numbers"),
        (negative, "shape is no shape"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, change, message):
    tensor = numpy_helper.from_array(np.ones(4, np.float32), "w")
    with pytest.raises(InputError, match=message) as error:
        read_torch(written(tmp_path / "model.onnx", [tensor], changes=[change]))
    assert "\n" not in str(error.value)


def test_cut_and_changed_files_never_raise_anything_else(tmp_path):
    tensors = [numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(2, 3), f"layer{n}.w") for n in range(3)]
    content = written(tmp_path / "model.onnx", tensors).read_bytes()
    random = np.random.default_rng(0)
    for trial in range(300):
        damaged = bytearray(content)
        if trial % 3 == 0:
            del damaged[random.integers(3, len(content)) :]
        for place in random.integers(2, len(damaged), 2):
            damaged[place] = random.integers(256)
        (tmp_path / "damaged.onnx").write_bytes(damaged)
        with pytest.raises(InputError):
            read_torch(tmp_path / "damaged.onnx")
