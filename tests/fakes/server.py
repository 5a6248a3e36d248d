"""A web server on the loopback, with good and bad manners."""

import http.server
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Server(http.server.ThreadingHTTPServer):
    """Serves files from memory; `manners` says how."""

    daemon_threads = True

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = files
        self.manners = "fine"
        self.etag = ""
        self.asked: list[str | None] = []
        self.stalling = threading.Event()

    def handle_error(self, *_):
        """Clients that hang up are part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_):
        """Keep quiet."""

    def do_GET(self):
        wish, manners = self.headers.get("Range"), self.server.manners
        content = self.server.files.get(self.path, b"")
        self.server.asked.append(wish)
        if manners == "missing" or not content:
            self.send_error(404)
            return
        if self.headers.get("If-Range", self.server.etag) != self.server.etag:
            wish = None  # another version than the client has the beginning of
        start = int(wish.removeprefix("bytes=").removesuffix("-")) if wish and manners != "ignores range" else 0
        if start >= len(content):
            self.send_error(416)
            return
        if manners.startswith("redirects to "):
            self.send_response(302)
            self.send_header("Location", manners.removeprefix("redirects to "))
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            wrong = 7 if manners == "wrong range" else 0
            self.send_header("Content-Range", f"bytes {start + wrong}-{len(content) - 1}/{len(content)}")
        if manners != "no length":
            length = 1 << 50 if manners == "endless" else len(content) - start
            self.send_header("Content-Length", str(length))
        if self.server.etag:
            self.send_header("ETag", self.server.etag)
        self.end_headers()
        body = content[start:]
        if manners == "lies":
            body = b"<html>" + body[6:]
        if manners in ("cuts off", "cuts off once", "stalls"):
            body = body[: len(body) // 2]
        if manners == "drips":
            for byte in body:
                self.wfile.write(bytes([byte]))
                if self.server.stalling.wait(0.02):
                    return
        self.wfile.write(body)
        self.wfile.flush()
        if manners == "cuts off once":
            self.server.manners = "fine"
        if manners == "stalls":
            self.server.stalling.wait(10)


@contextmanager
def serving(files: Mapping[str, bytes], *, encrypted: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server of these files by path, behind TLS where a context has its certificate."""
    with Server(files) as server:
        if encrypted is not None:
            server.socket = encrypted.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.stalling.set()
            server.shutdown()
            thread.join()
