"""Downloads from a server on this machine that is slow, lies about sizes, never ends, or sends elsewhere."""

import io
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from atrous.errors import InputError
from atrous.inference.image_url import download_image
from atrous.inference.predictor import Predictor
from fakes.lively_model import blocks, lively_archive

CONTENT = bytes(range(256)) * 40


class Handler(BaseHTTPRequestHandler):
    stop = threading.Event()

    def do_GET(self):
        with suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, self.path.strip("/").partition("/")[0])()

    def answer(self, *, length=None, content=CONTENT):
        self.send_response(200)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(content)

    def plain(self):
        self.answer(length=len(CONTENT))

    def open_ended(self):
        self.answer()

    def short(self):
        self.answer(length=len(CONTENT) + 5)

    def huge(self):
        self.answer(length=10**12)

    def endless(self):
        self.answer(content=b"")
        while not self.stop.is_set():
            self.wfile.write(b"x" * 65536)

    def slow_body(self):
        self.answer(length=len(CONTENT), content=b"")
        for byte in CONTENT:
            self.wfile.write(bytes([byte]))
            if self.stop.wait(0.05):
                return

    def slow_head(self):
        for byte in b"HTTP/1.0 200 OK\r\n" + b"X: y\r\n" * 100:
            self.wfile.write(bytes([byte]))
            if self.stop.wait(0.05):
                return

    def silent(self):
        self.stop.wait(20)

    def missing(self):
        self.send_error(404)

    def redirect(self, target):
        self.send_response(302)
        self.send_header("Location", target)
        self.end_headers()

    def moved(self):
        self.redirect("/plain")

    def to_file(self):
        self.redirect("file:///etc/hostname")

    def to_ftp(self):
        self.redirect("ftp://127.0.0.1/a")

    def circle(self):
        self.redirect("/circle")

    def log_message(self, *_):
        pass


@contextmanager
def server(handler=Handler):
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    running.daemon_threads = False  # so that closing waits for them
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    Handler.stop.clear()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        Handler.stop.set()
        running.shutdown()
        running.server_close()
        thread.join()


@pytest.mark.parametrize("path", ["plain", "open_ended", "moved"])
def test_the_bytes_are_those_of_the_server(path):
    with server() as address:
        assert download_image(f"{address}/{path}") == CONTENT


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("short", f"ended after {len(CONTENT)} of {len(CONTENT) + 5} bytes"),
        ("huge", "larger than the limit of 1000000 bytes"),
        ("endless", "larger than the limit of 1000000 bytes"),
        ("slow_body", "was not downloaded within 0.5 s"),
        ("slow_head", "was not downloaded within 0.5 s"),
        ("silent", "was not downloaded within 0.5 s"),
        ("missing", "HTTP 404; check the address"),
        ("to_file", "redirects to file:///etc/hostname, which is refused"),
        ("to_ftp", "redirects to ftp://127.0.0.1/a, which is refused"),
        ("circle", "redirects to /circle, which is refused"),
    ],
)
def test_what_a_server_does_wrong_is_one_line_in_time(path, words):
    with server() as address:
        begin = time.monotonic()
        with pytest.raises(InputError, match=words) as found:
            download_image(f"{address}/{path}", max_bytes=10**6, max_seconds=0.5 if "within" in words else 20.0)
        assert time.monotonic() - begin < 5
    assert "\n" not in str(found.value)


def test_nobody_listens():
    with server() as address:
        closed = address
    with pytest.raises(InputError, match=r"cannot download http://127\.0\.0\.1"):
        download_image(f"{closed}/plain", max_seconds=2.0)


@pytest.mark.parametrize("url", ["http://", "http://[::1", "https://a b/c.png", "http://127.0.0.1:99999/a"])
def test_addresses_that_are_none_are_refused(url):
    with pytest.raises(InputError, match=r"cannot download|only http"):
        download_image(url, max_seconds=2.0)


def test_a_predictor_takes_an_address():
    array = np.ascontiguousarray(blocks(33, 49)[0].permute(1, 2, 0).numpy())
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG")

    class Images(Handler):
        def plain(self):
            self.answer(length=len(file.getvalue()), content=file.getvalue())

    predictor = Predictor(lively_archive())
    with server(Images) as address:
        np.testing.assert_array_equal(predictor(f"{address}/plain").labels, predictor(array).labels)
        with pytest.raises(InputError, match=f"{address}/open_ended is not a picture of a known format"):
            predictor(f"{address}/open_ended")
