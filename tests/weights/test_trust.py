"""Files whose digest nobody published: the first one is trusted, and nothing else from then on."""

import hashlib
from dataclasses import replace

import pytest

from atrous.errors import InputError
from atrous.weights.download import fetch, recorded_sha256
from atrous.weights.entry import Entry
from fakes.server import serving

CONTENT = bytes(range(256)) * 4096  # 1 MiB
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = CONTENT[::-1]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def server():
    with serving({"/weights.bin": CONTENT}) as server:
        yield server


@pytest.fixture
def entry(server):
    return Entry(
        name="test_weights",
        file="weights.bin",
        urls=(f"http://127.0.0.1:{server.server_port}/weights.bin",),
        digest=None,
        size=None,
        mebibytes=1.0,
        licence="CC0-1.0",
        source="a test",
        data="nothing",
    )


def broken(server, entry):
    """Half of a file, whose server then went away."""
    server.manners = "cuts off"
    with pytest.raises(InputError, match="ended after"):
        fetch(entry)
    server.manners = "fine"
    server.asked.clear()


def test_the_first_file_is_recorded_as_sha256sum_writes_it(entry, home):
    assert recorded_sha256(entry) is None
    fetch(entry)
    assert (home / "weights.bin.sha256").read_text() == f"{SHA256}  weights.bin\n"
    assert recorded_sha256(entry) == SHA256


def test_without_a_network_the_cached_file_serves(server, entry):
    path = fetch(entry)
    server.manners = "missing"
    assert fetch(entry) == path
    assert len(server.asked) == 1


def test_another_file_is_refused_from_then_on(server, entry, home):
    fetch(entry).unlink()
    server.files = {"/weights.bin": OTHER}
    with pytest.raises(InputError, match=rf"its sha256 is not {SHA256[:12]}.*or delete .*weights.bin.sha256"):
        fetch(entry)
    (home / "weights.bin.sha256").unlink()
    assert fetch(entry).read_bytes() == OTHER


def test_a_file_that_changed_in_the_cache_is_fetched_again(entry):
    path = fetch(entry)
    path.write_bytes(OTHER)
    assert fetch(entry).read_bytes() == CONTENT


def test_a_damaged_record_is_named(entry, home):
    fetch(entry)
    (home / "weights.bin.sha256").write_bytes(b"\xff" * 100)
    with pytest.raises(InputError, match=r"weights.bin.sha256 does not hold a sha256; delete it"):
        fetch(entry)


def test_the_beginning_of_a_digest_is_held_against_the_file(entry):
    right = replace(entry, digest=f"sha256:{SHA256[:8]}")
    assert fetch(right).read_bytes() == CONTENT
    assert recorded_sha256(right) == SHA256
    wrong = replace(entry, file="other.bin", digest="sha256:00000000")
    with pytest.raises(InputError, match=r"its sha256 is not 00000000\.\.\."):
        fetch(wrong)


def test_other_digests_than_sha256(entry):
    digest = hashlib.sha384(CONTENT).hexdigest()
    assert fetch(replace(entry, digest=f"sha384:{digest}")).read_bytes() == CONTENT


@pytest.mark.parametrize("etag", ['"one"', "", 'W/"one"', '"one\xff"'])
def test_a_download_goes_on_only_where_the_server_vouches_for_its_version(server, entry, home, etag):
    """`If-Range` (RFC 9110, 13.1.5) takes strong validators alone."""
    server.etag = etag
    broken(server, entry)
    there = (home / "weights.bin.part").stat().st_size
    assert there > 0
    assert fetch(entry).read_bytes() == CONTENT
    assert server.asked == ([f"bytes={there}-"] if etag == '"one"' else [None])
    assert {path.name for path in home.iterdir()} == {"weights.bin", "weights.bin.lock", "weights.bin.sha256"}


def test_two_versions_are_never_joined(server, entry):
    server.etag = '"one"'
    broken(server, entry)
    server.etag, server.files = '"two"', {"/weights.bin": OTHER}
    assert fetch(entry).read_bytes() == OTHER


@pytest.mark.parametrize(
    ("manners", "complaint"),
    [("endless", r"announces \d+ bytes where about 1048576"), ("no length", "does not say how long the file is")],
)
def test_a_server_that_may_send_anything_is_not_listened_to(server, entry, home, manners, complaint):
    server.manners = manners
    with pytest.raises(InputError, match=complaint):
        fetch(entry)
    assert not (home / "weights.bin.sha256").exists()


def test_a_page_about_logging_in_is_not_trusted(server, entry):
    server.files = {"/weights.bin": b"<html>Welcome to our WLAN</html>"}
    with pytest.raises(InputError, match="announces 32 bytes"):
        fetch(entry)


def test_the_users_own_mirror_comes_first(server, entry, monkeypatch):
    monkeypatch.setenv("ATROUS_MIRROR", f"http://127.0.0.1:{server.server_port}/")
    assert fetch(replace(entry, urls=("http://127.0.0.1:9/weights.bin",))).read_bytes() == CONTENT


def test_what_cannot_be_read_is_not_downloaded(server, entry):
    with pytest.raises(InputError, match="test_weights: it is a cell; use another"):
        fetch(replace(entry, refused="it is a cell"))
    assert server.asked == []
