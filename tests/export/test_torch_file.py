"""Compiled packages: what they compute, and that only the file of a proof is loaded."""

import json
import logging

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import Dim

from atrous.errors import InputError
from atrous.export.export import export
from atrous.export.torch_file import save_package
from atrous.inference.engines.description import ExportDescription
from atrous.inference.engines.open_engine import open_engine
from atrous.inference.engines.proof_record import file_hashes, proof_path
from atrous.labels import LabelSpace
from atrous.plain import to_plain
from fakes.lively_model import lively_archive


class BrightestChannel(nn.Module):
    """Labels `[b, h, w]` of images `[b, h, w, 3]`: the channel of the largest value."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image.argmax(dim=3).to(torch.uint8)


@pytest.fixture(scope="module")
def program():
    sizes = dict.fromkeys((0, 1, 2), Dim.DYNAMIC)
    return torch.export.export(
        BrightestChannel(), (torch.zeros(2, 9, 13, 3, dtype=torch.uint8),), dynamic_shapes=(sizes,)
    )


def write_proof(path):
    description = ExportDescription(
        LabelSpace(("red", "green", "blue")), "labels", "nhwc", "float32", in_channels=3, output_stride=16
    )
    proof = {"files": file_hashes(path), "passed": True, "equal_share": 1.0, "model": to_plain(description)}
    proof_path(path).write_text(json.dumps(proof))


def test_a_package_computes_images_of_any_size_and_says_that_it_is_a_program(program, tmp_path, caplog):
    path = tmp_path / "labels.pt2"
    save_package(program, path)
    write_proof(path)
    with caplog.at_level(logging.WARNING, logger="atrous"):
        engine = open_engine(path)
    assert "labels.pt2 is a program, which runs now" in caplog.text
    assert engine.description.labels.names == ("red", "green", "blue")
    generator = np.random.default_rng(0)
    for shape in ((1, 5, 7, 3), (3, 32, 2, 3)):
        pixels = generator.integers(0, 256, shape, dtype=np.uint8)
        np.testing.assert_array_equal(engine(pixels), pixels.argmax(axis=3))


def test_a_file_without_its_proof_is_never_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("torch._inductor.aoti_load_package", lambda _: pytest.fail("it was loaded"))
    path = tmp_path / "labels.pt2"
    path.write_bytes(b"code")
    with pytest.raises(InputError, match=r"cannot be checked by its proof labels\.pt2\.proof\.json"):
        open_engine(path)
    write_proof(path)
    path.write_bytes(b"other code")
    with pytest.raises(InputError, match="its sha256 differs"):
        open_engine(path)


def test_a_package_that_torch_cannot_load_is_one_line(tmp_path):
    path = tmp_path / "labels.pt2"
    path.write_bytes(b"code")
    write_proof(path)
    with pytest.raises(InputError, match=r"labels\.pt2 cannot be opened by torch") as refused:
        open_engine(path)
    assert "\n" not in str(refused.value)


def test_without_a_compiler_or_in_other_number_types_there_is_one_line(program, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"\.pt2 files compute in float32"):
        export(lively_archive(), tmp_path / "m.pt2", precision="float16")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"m\.pt2 is compiled, which needs a C\+\+ compiler"):
        save_package(program, tmp_path / "m.pt2")
    assert not [*tmp_path.iterdir()]
