"""Data sets in tar files: the same files as those of the folder, and what is no shard is one line."""

import io
import os
import shutil
import subprocess
import tarfile

import pytest

from atrous.data.dataset import open_data
from atrous.data.fingerprint import fingerprint
from atrous.errors import InputError
from atrous.scale.mirror import mirrored
from atrous.scale.shards import unpacked
from fakes.folder import fake_folder

WHEN = 1_700_000_000


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def entry(name, content=b"", **fields):
    """A tar entry with its content."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    return member, content


def write_shard(path, *entries):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for member, content in entries:
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def street(tmp_path, monkeypatch):
    """A data set as a folder, and as tar files by the command `tar` beside a loose `schema.toml`."""
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "home"))
    data, shards = fake_folder(tmp_path / "street"), tmp_path / "bucket" / "street"
    shards.mkdir(parents=True)
    for path in data.rglob("*"):
        os.utime(path, (WHEN, WHEN))
    loose = [path for path in data.iterdir() if path.is_file()]
    for path in loose:
        shutil.copy2(path, shards)
    names = sorted(f"./{path.relative_to(data)}" for path in data.rglob("*") if path.is_file() and path not in loose)
    for number in range(3):
        command = ["tar", "cf", shards / f"street-{number}.tar", "-C", data, *names[number::3]]
        subprocess.run(command, check=True)
    return data, shards


def test_shards_are_the_data_set_of_the_folder(street, caplog):
    data, shards = street
    folder = mirrored(f"file://{shards}")
    assert folder.name == "street"
    assert contents(folder) == contents(data)
    assert fingerprint(open_data(folder)) == fingerprint(open_data(data))
    assert "unpacking 3 tar files" in caplog.text
    caplog.clear()
    assert mirrored(f"file://{shards}") == folder
    assert not caplog.records


def test_a_shard_that_changes_is_unpacked_again(street):
    _, shards = street
    before = contents(mirrored(f"file://{shards}"))
    with tarfile.open(shards / "street-0.tar") as archive:
        lost = {os.path.normpath(name) for name in archive.getnames()}
    write_shard(shards / "street-0.tar", entry("images/new.png", b"picture"))
    after = {str(name): content for name, content in contents(mirrored(f"file://{shards}")).items()}
    kept = {str(name): content for name, content in before.items() if str(name) not in lost}
    assert after == {**kept, "images/new.png": b"picture"}


BAD = {
    "link": (
        [entry("images/a.png", type=tarfile.SYMTYPE, linkname="/etc/passwd")],
        "images/a.png is a link or a device",
    ),
    "hard link": ([entry("a.png", type=tarfile.LNKTYPE, linkname="b.png")], "a.png is a link or a device"),
    "device": ([entry("a.png", type=tarfile.CHRTYPE)], "a.png is a link or a device"),
    "FIFO": ([entry("a.png", type=tarfile.FIFOTYPE)], "a.png is a link or a device"),
    "parent": ([entry("images/../../a.png", b"1")], "'images/../../a.png' is no path below a folder"),
    "absolute": ([entry("/tmp/a.png", b"1")], "'/tmp/a.png' is no path below a folder"),
    "backslash": ([entry("images\\a.png", b"1")], "is no path below a folder"),
    "twice": ([entry("a.png", b"1"), entry("a.png", b"2")], "holds 'a.png', which came before"),
    "file as folder": ([entry("a", b"1"), entry("a/b.png", b"2")], "holds 'a', which came before"),
    "long name": ([entry("n" * 300, b"1")], "cannot unpack .*next.tar: File name too long"),
}


@pytest.mark.parametrize(("entries", "message"), BAD.values(), ids=BAD)
def test_entries_that_are_no_files_of_a_data_set_are_one_line(entries, message, tmp_path):
    write_shard(tmp_path / "shards" / "good.tar", entry("images/good.png", b"0"))
    write_shard(tmp_path / "shards" / "next.tar", *entries)
    with pytest.raises(InputError, match=message) as caught:
        unpacked(tmp_path / "shards", tmp_path / "out" / "data")
    assert "\n" not in str(caught.value)
    assert "next.tar" in str(caught.value)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not (tmp_path / "a.png").exists()


def test_a_shard_that_ends_anywhere_too_early_is_never_a_shorter_data_set(tmp_path):
    whole = write_shard(tmp_path / "shards" / "a.tar", entry("a.png", b"1" * 700), entry("b.png", b"2" * 700))
    content = whole.read_bytes()
    # Two entries of a header and two blocks each, then the end mark.
    for size in range(0, 6 * tarfile.BLOCKSIZE + 1, 256):
        whole.write_bytes(content[:size])
        with pytest.raises(InputError, match=r"a.tar is damaged: "):
            unpacked(tmp_path / "shards", tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path):
    whole = write_shard(tmp_path / "shards" / "a.tar", entry("a.png", b"1" * 700), entry("b.png", b"2" * 700))
    content = bytearray(whole.read_bytes())
    content[3 * tarfile.BLOCKSIZE] ^= 1
    whole.write_bytes(content)
    with pytest.raises(
        InputError,
        match=r"a.tar is damaged: something follows its last file; delete it and try again$",
    ):
        unpacked(tmp_path / "shards", tmp_path / "out")


@pytest.mark.parametrize(("size", "message"), [(2**40, "to over 50 times its size"), (5000, "is damaged")])
def test_a_size_beyond_the_file_is_refused(size, message, tmp_path):
    member = tarfile.TarInfo("a.png")
    member.size = size
    (tmp_path / "a.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(InputError, match=message):
        unpacked(tmp_path, tmp_path / "out" / "data")
    assert not list((tmp_path / "out").rglob("*.png"))


def test_folders_without_shards_stay_what_they_are(tmp_path):
    assert unpacked(tmp_path, tmp_path / "out") == tmp_path
