"""Data sets on remote storage: the same bits as from the folder, stalls that end, and what is refused."""

import logging
import os
import shutil
from types import SimpleNamespace

import fsspec
import pyarrow.fs as pafs
import pytest
import torch
from safetensors.torch import load_file

from atrous.cli.main import main
from atrous.data.dataset import open_data
from atrous.data.fingerprint import fingerprint
from atrous.errors import InputError
from atrous.scale import mirror
from atrous.scale.mirror import mirrored
from atrous.scale.storage import Location
from fakes.camvid import fake_camvid
from fakes.folder import fake_folder

pytestmark = pytest.mark.usefixtures("nothing_drawn")

TINY = (
    "--recipe scenes --device cpu --iterations 2 --norm-momentum 0.9 --validate-every 2 --crop 17 17 --workers 0 "
    "--depth-multiplier 0.1 --aspp-channels 8 --batch-size 2"
)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "home"))


@pytest.mark.slow
def test_training_from_an_address_gives_the_bytes_of_training_from_the_folder(tmp_path, capsys):
    data = fake_camvid(tmp_path / "street")
    for number, source in enumerate((str(data), f"file://{data}")):
        assert main(["train", source, "--out", str(tmp_path / f"run{number}"), *TINY.split()]) == 0
    for name in ("last.safetensors", "config.json"):
        assert (tmp_path / "run0" / name).read_bytes() == (tmp_path / "run1" / name).read_bytes(), name
    one, other = (load_file(tmp_path / name / "state.safetensors") for name in ("run0", "run1"))
    assert any(name.startswith("momentum.") for name in one)
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert capsys.readouterr().out.count("last  ") == 2


def test_only_what_has_changed_is_copied_again(tmp_path, caplog):
    data = fake_folder(tmp_path / "street")
    folder = mirrored(f"file://{data}/")
    assert folder.name == "street"
    assert contents(folder) == contents(data)
    assert fingerprint(open_data(folder)) == fingerprint(open_data(data))
    (folder / "images" / ".photo1.0123abcd.part.jpg").write_text("of a killed copy")
    shutil.rmtree(data / "masks")
    (data / "images/photo2.jpg").write_bytes(b"another")
    caplog.clear()
    assert mirrored(f"file://{data}") == folder
    assert "copying 1 files" in caplog.text
    assert contents(folder) == contents(data)
    caplog.clear()
    mirrored(f"file://{data}")
    assert not caplog.records


def test_other_file_systems_are_those_of_fsspec():
    memory = fsspec.filesystem("memory")
    memory.pipe({"/bucket/street/images/a.png": b"picture", "/bucket/street/masks/a.png": b""})
    folder = mirrored("memory://bucket/street")
    assert {str(name): content for name, content in contents(folder).items()} == {
        "images/a.png": b"picture",
        "masks/a.png": b"",
    }


class Unsteady:
    """A local file system that cannot be read at some tries, as a server that is cut off."""

    def __init__(self, *problems: BaseException | int) -> None:
        self._files, self._problems = pafs.LocalFileSystem(), list(problems)

    def get_file_info(self, selector):
        return self._files.get_file_info(selector)

    def open_input_stream(self, path):
        problem = self._problems.pop(0) if self._problems else None
        if isinstance(problem, BaseException):
            raise problem
        stream = self._files.open_input_stream(path)
        return stream if problem is None else pafs.LocalFileSystem().open_input_stream(os.devnull)


@pytest.fixture
def unsteady(tmp_path, monkeypatch):
    """One file on a file system with problems, and the waits of a copy."""
    waits, data = [], tmp_path / "data"
    data.mkdir()
    (data / "a.bin").write_bytes(os.urandom(3 * 2**20 + 5))
    clock = SimpleNamespace(sleep=waits.append, monotonic=lambda: 100 + sum(waits))
    monkeypatch.setattr(mirror, "time", clock)

    def with_problems(*problems):
        monkeypatch.setattr(mirror, "open_location", lambda _: Location(Unsteady(*problems), str(data)))
        return data, waits

    return with_problems


def test_a_server_that_does_not_answer_is_waited_for_and_said(unsteady, caplog):
    data, waits = unsteady(OSError("no route to host"), 0, OSError("no route to host"))
    folder = mirrored("s3://bucket/data")
    assert contents(folder) == contents(data)
    assert waits == [1.0, 2.0, 4.0]
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING][1:]
    assert said[0].endswith("a.bin does not come (no route to host); trying again in 1 s")
    assert said[1].endswith("a.bin does not come (0 of 3145733 bytes came); trying again in 2 s")
    assert len(said) == 3


@pytest.mark.parametrize(
    ("problem", "patience", "line"),
    [
        (OSError("no route"), 0.5, r"^cannot read .*a.bin: no route; start again once the server answers$"),
        (FileNotFoundError("gone"), 9.0, r"^cannot read .*a.bin: gone; it may have been deleted, start again$"),
        (PermissionError("denied"), 9.0, r"^cannot read .*a.bin: denied; "),
    ],
)
def test_what_will_not_come_is_one_line_and_no_file(problem, patience, line, unsteady, tmp_path):
    _, waits = unsteady(problem)
    with pytest.raises(InputError, match=line):
        mirrored("s3://bucket/data", patience=patience)
    assert waits == []
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file() and path.name != ".lock"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "a//b.png", "./a.png", "a\\b.png", "a\0.png", "a/../../b"])
def test_objects_whose_names_are_no_paths_are_refused(name, monkeypatch, tmp_path):
    entry = SimpleNamespace(path=f"bucket/data/{name}", size=3, mtime_ns=5, type=pafs.FileType.File)
    server = SimpleNamespace(get_file_info=lambda _: [entry])
    monkeypatch.setattr(mirror, "open_location", lambda _: Location(server, "bucket/data"))
    with pytest.raises(
        InputError, match=r"^s3://bucket/data holds .*, which is no path of a file; rename that object$"
    ):
        mirrored("s3://bucket/data")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_nowhere_or_does_not_fit_is_one_line(tmp_path, monkeypatch, capsys):
    assert main(["train", f"file://{tmp_path}/none", "--out", str(tmp_path / "run")]) == 2
    assert (
        capsys.readouterr().err == f"atrous train: there are no files at file://{tmp_path}/none; check the spelling\n"
    )
    data = fake_folder(tmp_path / "street")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30))
    with pytest.raises(InputError, match=r"street needs 0.0 GiB on this disk, which has 1.0 GiB free; set ATROUS_HOME"):
        mirrored(f"file://{data}")
