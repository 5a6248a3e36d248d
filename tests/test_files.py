import os
from pathlib import Path

import pytest

from atrous.errors import InputError
from atrous.files import atomic_path


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "folder" / "report.html"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".html"
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert os.listdir(path.parent) == ["report.html"]


def break_off(path, error):
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"half of the n")
        raise error


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt()])
def test_after_an_error_the_old_file_stays_and_nothing_else(tmp_path, error):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        break_off(path, error)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["weights.safetensors"]


def test_full_disk_is_said_in_one_line(tmp_path):
    path = tmp_path / "labels.png"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match=r"cannot write .*labels\.png: No space left on device; free some space"):
        break_off(path, OSError(28, "No space left on device"))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["labels.png"]


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "taken").write_text("a file")
    path = tmp_path / "taken" / "labels.png"
    with pytest.raises(InputError, match=r"cannot write .*labels\.png: .*; choose another"), atomic_path(path):
        raise AssertionError("must not be reached")


def test_unwritable_folder(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)  # permissions of a real folder would not stop root
    with pytest.raises(InputError, match="Permission denied"), atomic_path(tmp_path / "labels.png"):
        raise AssertionError("must not be reached")


def test_a_folder_of_that_name_stays(tmp_path):
    (tmp_path / "out.json" / "inside").mkdir(parents=True)
    with pytest.raises(InputError, match=r"cannot write .*out\.json"), atomic_path(tmp_path / "out.json") as temporary:
        temporary.write_text("{}")
    assert os.listdir(tmp_path) == ["out.json"]


@pytest.mark.parametrize("path", [Path("/"), Path(), Path("a\0b.json")])
def test_paths_that_name_no_file(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="cannot write"), atomic_path(path):
        raise AssertionError("must not be reached")


def test_longest_names_are_fine(tmp_path):
    path = tmp_path / f"{'x' * 250}.png"
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"ok")
    assert path.read_bytes() == b"ok"


def test_two_writers_do_not_meet(tmp_path):
    path = tmp_path / "last.json"
    with atomic_path(path) as first, atomic_path(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # whose block ended last
