"""Compiled packages: what they compute, and that only the file of a proof is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from atrous.errors import InputError
from atrous.export.export import export
from atrous.export.torch_file import save_package
from atrous.inference.engines.open_engine import open_engine
from fakes.compiled_package import brightest_channel, write_package_proof
from fakes.lively_model import lively_archive

TESTS = Path(__file__).resolve().parents[1]


def test_a_package_computes_images_of_any_size_and_says_that_it_is_a_program(tmp_path):
    # In a process of its own: native code that crashes fails this test alone, and leaves the stack where it crashed.
    path = tmp_path / "labels.pt2"
    command = [sys.executable, "-X", "faulthandler", "-m", "fakes.compiled_package", str(path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent / "src")])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "labels.pt2 is a program, which runs now" in done.stderr
    assert done.stdout.splitlines() == ["red green blue", "1 5 7 3", "3 32 2 3"]


def test_a_file_without_its_proof_is_never_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("torch._inductor.aoti_load_package", lambda _: pytest.fail("it was loaded"))
    path = tmp_path / "labels.pt2"
    path.write_bytes(b"code")
    with pytest.raises(InputError, match=r"cannot be checked by its proof labels\.pt2\.proof\.json"):
        open_engine(path)
    write_package_proof(path)
    path.write_bytes(b"other code")
    with pytest.raises(InputError, match="its sha256 differs"):
        open_engine(path)


def test_a_package_that_torch_cannot_load_is_one_line(tmp_path):
    path = tmp_path / "labels.pt2"
    path.write_bytes(b"code")
    write_package_proof(path)
    with pytest.raises(InputError, match=r"labels\.pt2 cannot be opened by torch") as refused:
        open_engine(path)
    assert "\n" not in str(refused.value)


def test_without_a_compiler_or_in_other_number_types_there_is_one_line(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"\.pt2 files compute in float32"):
        export(lively_archive(), tmp_path / "m.pt2", precision="float16")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"m\.pt2 is compiled, which needs a C\+\+ compiler"):
        save_package(brightest_channel(), tmp_path / "m.pt2")
    assert not [*tmp_path.iterdir()]
