import hashlib
import io
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from http.client import HTTPMessage
from ipaddress import ip_address
from urllib.error import URLError
from urllib.request import Request, build_opener

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from atrous.errors import InputError
from atrous.redirects import SafeRedirects
from atrous.weights import download
from atrous.weights.cache import cache_folder
from atrous.weights.download import fetch, resolve
from atrous.weights.entry import Entry
from fakes.server import serving

CONTENT = bytes(range(256)) * 1000


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
        digest=f"sha256:{hashlib.sha256(CONTENT).hexdigest()}",
        size=len(CONTENT),
        licence="CC0-1.0",
        source="a test",
        data="nothing",
    )


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_file_is_fetched_once_and_progress_reaches_its_end(server, entry, home):
    seen = []
    path = fetch(entry, on_progress=lambda done, total: seen.append((done, total)))
    assert path == home / "weights.bin"
    assert path.read_bytes() == CONTENT
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(entry) == path
    assert server.asked == [None]


def test_a_damaged_cache_is_fetched_again(server, entry):
    path = fetch(entry)
    path.write_bytes(CONTENT[:-1] + b"x")
    assert fetch(entry).read_bytes() == CONTENT
    assert server.asked == [None, None]


def test_a_connection_that_breaks_is_resumed(server, entry):
    server.manners = "cuts off once"
    assert fetch(entry).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={len(CONTENT) // 2}-"]


def test_an_interrupted_download_is_resumed_by_the_next_call(server, entry, home):
    server.manners = "cuts off"
    with pytest.raises(InputError, match=r"ended after \d+ of 256000 bytes"):
        fetch(entry)
    assert names(home) == {"weights.bin.part", "weights.bin.lock"}
    there = (home / "weights.bin.part").stat().st_size
    server.manners = "fine"
    assert fetch(entry).read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={there}-"
    assert names(home) == {"weights.bin", "weights.bin.lock"}


@pytest.mark.parametrize(("manners", "requests"), [("ignores range", 1), ("wrong range", 2)])
def test_a_server_that_cannot_resume_starts_over(server, entry, home, manners, requests):
    home.mkdir()
    (home / "weights.bin.part").write_bytes(CONTENT[:1000])
    server.manners = manners
    assert fetch(entry).read_bytes() == CONTENT
    assert len(server.asked) == requests


@pytest.mark.parametrize("there", [b"x" * 1000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 5)])
def test_a_wrong_partial_file_does_not_stay_in_the_way(server, entry, home, there):
    home.mkdir()
    (home / "weights.bin.part").write_bytes(there)
    assert fetch(entry).read_bytes() == CONTENT
    assert None in server.asked


def test_a_server_that_lies_leaves_nothing_behind(server, entry, home):
    server.manners = "lies"
    with pytest.raises(InputError, match=r"sha256 is not .*atrous weights add FILE") as error:
        fetch(entry)
    assert "\n" not in str(error.value)
    assert names(home) == {"weights.bin.lock"}


def test_a_stalled_server_is_given_up(server, entry):
    server.manners = "stalls"
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"stalled for 0.2 s.*atrous weights add FILE"):
        fetch(entry, timeout=0.2)
    assert time.monotonic() - begin < 5


def test_a_server_slower_than_a_kilobyte_a_second_is_given_up(server, entry, home):
    server.manners = "drips"
    with pytest.raises(InputError, match=r"weights.bin: only \d\d? bytes in 0.3\d? s.*atrous weights add FILE"):
        fetch(entry, timeout=0.3)
    assert 0 < (home / "weights.bin.part").stat().st_size < 200


def test_no_server_at_all(entry):
    ports = ("http://127.0.0.1:9/weights.bin", "http://127.0.0.1:10/weights.bin")
    with pytest.raises(InputError, match=r"127.0.0.1:9/.*refused.*127.0.0.1:10/.*refused.*atrous weights add FILE"):
        fetch(replace(entry, urls=ports))


def test_addresses_that_never_answer_take_seconds_and_are_all_named(entry, monkeypatch):
    """A listening socket that nobody accepts from, and a name whose resolution hangs."""
    asleep, awake = threading.Event(), []
    monkeypatch.setattr("atrous.download.ANSWER_SECONDS", 0.6)
    resolve_name = socket.getaddrinfo

    def slow(host, *rest, **options):
        if host == "hangs.invalid":
            asleep.wait(60)
            awake.append(host)
            raise socket.gaierror("after all")
        return resolve_name(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        urls = (f"http://127.0.0.1:{silent.getsockname()[1]}/weights.bin", "http://hangs.invalid/weights.bin")
        with pytest.raises(InputError) as error:
            fetch(replace(entry, urls=urls))
    assert not awake
    asleep.set()
    assert str(error.value).count("no answer within 0.3 s") == 2
    assert all(url in str(error.value) for url in urls)


def test_a_mirror_with_another_file_is_named_and_nothing_of_it_is_kept(server, entry, home, monkeypatch):
    with serving({"/weights.bin": b"x" * len(CONTENT)}) as mirror:
        address = f"http://127.0.0.1:{mirror.server_port}"
        monkeypatch.setenv("ATROUS_MIRROR", address)
        assert fetch(entry).read_bytes() == CONTENT
        (home / "weights.bin").unlink()
        server.manners = "missing"
        with pytest.raises(InputError, match=rf"{address}/weights.bin: the file there is another one .*; .*HTTP 404"):
            fetch(entry)
        assert names(home) == {"weights.bin.lock"}
        mirror.manners = "cuts off"  # what is there of the wrong file does not spoil the right one
        server.manners = "fine"
        assert fetch(entry).read_bytes() == CONTENT


def test_the_second_address_is_tried(server, entry):
    assert fetch(replace(entry, urls=("http://127.0.0.1:9/weights.bin", *entry.urls))).read_bytes() == CONTENT
    server.manners = "missing"
    with pytest.raises(InputError, match="HTTP 404"):
        fetch(replace(entry, file="other.bin"))


def test_a_longer_file_than_promised_is_not_read_to_its_end(entry):
    seen = []
    short = replace(entry, size=1000)
    with pytest.raises(InputError, match="sha256"):
        fetch(short, on_progress=lambda done, _: seen.append(done))
    assert max(seen) == 1000


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/weights.bin", "file:///etc/hostname"])
def test_redirects_out_of_http_are_refused(server, entry, home, target):
    server.manners = f"redirects to {target}"
    with pytest.raises(InputError, match=f"redirects to {target}, which is refused"):
        fetch(entry)
    assert not (home / "weights.bin").exists()


def test_redirects_never_leave_encryption():
    """From https to http they are refused; from http to either they are followed."""
    follow = partial(SafeRedirects().redirect_request, fp=io.BytesIO(), code=302, msg="", headers=HTTPMessage())
    with pytest.raises(URLError, match="redirects to http://a/c, which is refused"):
        follow(Request("https://a/b"), newurl="http://a/c")
    for begin, target in (("https", "https"), ("http", "https"), ("http", "http")):
        request = follow(Request(f"{begin}://a/b"), newurl=f"{target}://a/c")
        assert request is not None
        assert request.full_url == f"{target}://a/c"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that vouches for itself, with its key, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    begin = datetime.now(UTC) - timedelta(hours=1)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, begin + timedelta(days=1), [])
    signed = built.add_extension(address, critical=True).sign(key, hashes.SHA256())
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *plain)
    )
    return path


def test_a_server_behind_tls_is_read_and_its_redirect_to_http_is_refused(server, entry, home, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr("atrous.download._OPENER", build_opener(SafeRedirects))  # Python 3.12 reads it when it is built
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving({"/weights.bin": CONTENT}, encrypted=context) as behind_tls:
        secure = replace(entry, urls=(f"https://127.0.0.1:{behind_tls.server_port}/weights.bin",))
        assert fetch(secure).read_bytes() == CONTENT
        (home / "weights.bin").unlink()
        behind_tls.manners = f"redirects to {entry.urls[0]}"
        with pytest.raises(InputError, match=f"redirects to {entry.urls[0]}, which is refused"):
            fetch(secure)
        monkeypatch.delenv("SSL_CERT_FILE")
        monkeypatch.setattr("atrous.download._OPENER", build_opener(SafeRedirects))
        with pytest.raises(InputError, match="CERTIFICATE_VERIFY_FAILED"):
            fetch(secure)
    assert server.asked == []
    assert not (home / "weights.bin").exists()


@pytest.mark.parametrize("about", [None, 0.25])
def test_an_endless_file_of_unknown_size_is_not_begun(server, entry, home, about):
    server.manners = "endless"
    unknown = replace(entry, digest=None, size=None, mebibytes=about)
    expected = "at most 4294967296" if about is None else "about 262144"
    with pytest.raises(InputError, match=f"announces 1125899906842624 bytes where {expected} are expected"):
        fetch(unknown)
    assert not (home / "weights.bin").exists()
    assert not (home / "weights.bin.part").exists() or not (home / "weights.bin.part").stat().st_size


def test_a_file_shorter_than_announced_is_named(server, entry, home):
    server.manners = "cuts off"
    with pytest.raises(InputError, match=r"ended after 128000 of 256000 bytes"):
        fetch(replace(entry, size=None, digest=None, mebibytes=0.25))
    assert not (home / "weights.bin").exists()


def test_an_unwritable_cache_is_named(entry, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("ATROUS_HOME", str(tmp_path / "file" / "below"))
    with pytest.raises(InputError, match=r"cannot use the cache .*ATROUS_HOME"):
        fetch(entry)


def test_those_who_come_together_fetch_once(server, entry):
    """The lock is on the open file, so threads meet it as processes do."""
    with ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(lambda _: fetch(entry).read_bytes(), range(8)))
    assert contents == [CONTENT] * 8
    assert server.asked == [None]


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "home"
    monkeypatch.delenv("ATROUS_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "atrous"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "atrous"


def test_a_source_is_a_file_or_a_name(entry, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MANIFEST", {entry.name: entry})
    file = tmp_path / "mine.tflite"
    file.write_bytes(b"mine")
    assert resolve(str(file)) == file
    assert resolve("test_weights").read_bytes() == CONTENT
    with pytest.raises(InputError, match="no such file: nothing; give a file of weights, or a name"):
        resolve("nothing")
    with pytest.raises(InputError, match="cannot read xxxx"):
        resolve("x" * 5000)
