"""Repositories of Triton: names, number types and shapes are those that ONNX Runtime reads from the file."""

import re
from dataclasses import replace

import onnxruntime
import pytest

from atrous.errors import InputError
from atrous.export.triton import triton_config, write_triton
from atrous.inference.engines.open_engine import open_engine

TYPES = {"tensor(uint8)": "TYPE_UINT8", "tensor(float)": "TYPE_FP32"}


def test_the_configuration_is_that_of_the_file(exported, tmp_path):
    description = open_engine(exported.path).description
    folder = write_triton(exported.path, tmp_path / "models", description=description)
    session = onnxruntime.InferenceSession(folder / "1" / "model.onnx", providers=["CPUExecutionProvider"])
    stated = []
    for value in (*session.get_inputs(), *session.get_outputs()):
        dims = [axis if isinstance(axis, int) else -1 for axis in value.shape[1:]]  # the first is the batch
        stated.append((value.name, TYPES[value.type], str(dims)))
    text = (folder / "config.pbtxt").read_text()
    assert folder.name == "labels"
    assert text.startswith('name: "labels"\nbackend: "onnxruntime"\n')
    assert re.findall(r'\{ name: "(\w+)" data_type: (\w+) dims: (\[.*?\])', text) == stated


def test_scores_have_a_number_for_every_class(exported):
    description = replace(open_engine(exported.path).description, output="logits", layout="nchw")
    text = triton_config("m", description)
    assert 'name: "image" data_type: TYPE_UINT8 dims: [3, -1, -1]' in text
    assert 'name: "logits" data_type: TYPE_FP32 dims: [5, -1, -1]' in text


@pytest.mark.parametrize(("name", "said"), [("m.xml", "takes ONNX files"), ('a"b.onnx', "choose an --out of letters")])
def test_other_files_and_names_are_one_line(exported, tmp_path, name, said):
    with pytest.raises(InputError, match=said):
        write_triton(tmp_path / name, tmp_path, description=open_engine(exported.path).description)
