"""Download of a single image from an http or https address, bounded in bytes and in seconds."""

import http.client
import socket
import threading
import time
from urllib.error import HTTPError, URLError
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from atrous.errors import InputError, reason
from atrous.redirects import SCHEMES, SafeRedirects

MAX_BYTES = 100 * 2**20
"""Largest file that is downloaded by default."""

MAX_SECONDS = 30.0
"""Longest time from the request to the last byte by default."""

REDIRECTS = range(300, 400)
_CHUNK = 2**16


def download_image(url: str, *, max_bytes: int = MAX_BYTES, max_seconds: float = MAX_SECONDS) -> bytes:
    """Download a file into memory.

    Redirects are followed to http and https addresses only, and never from https to http.

    Args:
        url: An http or https address.
        max_bytes: Larger files are refused, whatever the server says about their size.
        max_seconds: Limit of the whole download, however slowly the server sends.

    Raises:
        InputError: If the address is of another scheme, cannot be reached, gives no whole file, or exceeds a limit.
    """
    if url.partition(":")[0].lower() not in SCHEMES:
        raise InputError(f"{url:.200}: only http and https addresses are downloaded; save the image and give its path")
    deadline = _Deadline(max_seconds)
    try:
        with deadline, _opener(deadline).open(Request(url), timeout=max_seconds) as response:
            return _read(response, url, max_bytes=max_bytes, deadline=deadline)
    except InputError:
        raise
    except HTTPError as error:
        error.close()
        if error.code in REDIRECTS:
            target = error.headers.get("Location", "")
            raise InputError(f"{url:.200} redirects to {target:.200}, which is refused; check the address") from error
        raise InputError(f"cannot download {url:.200}: HTTP {error.code}; check the address") from error
    except (URLError, http.client.HTTPException, OSError, ValueError) as error:
        if deadline.passed:
            raise _too_slow(url, max_seconds) from error
        cause = error.reason if isinstance(error, URLError) else error
        text = reason(cause) if isinstance(cause, Exception) else cause
        raise InputError(f"cannot download {url:.200}: {text}; check the address") from error


def _read(response: http.client.HTTPResponse, url: str, *, max_bytes: int, deadline: "_Deadline") -> bytes:
    announced = response.headers.get("Content-Length", "")
    expected = int(announced) if announced.isascii() and announced.isdecimal() else None
    content = bytearray()
    while (expected is None or expected <= max_bytes) and len(content) <= max_bytes:
        chunk = response.read1(_CHUNK)
        if deadline.passed:
            raise _too_slow(url, deadline.seconds)
        if not chunk:
            if expected is not None and len(content) < expected:
                raise InputError(f"cannot download {url:.200}: it ended after {len(content)} of {expected} bytes")
            return bytes(content)
        content += chunk
    raise InputError(f"{url:.200} is larger than the limit of {max_bytes} bytes; save it and give its path")


def _too_slow(url: str, seconds: float) -> InputError:
    return InputError(f"{url:.200} was not downloaded within {seconds:g} s; save the image and give its path")


class _Deadline:
    """Shuts the connections of a download down when its time is over, so that no read waits any longer."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds
        self._sockets = list[socket.socket]()
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    @property
    def passed(self) -> bool:
        """True once the time is over."""
        return time.monotonic() >= self._end

    def watch(self, connected: socket.socket) -> None:
        """Shut this connection down, too, when the time is over."""
        self._sockets.append(connected)
        if self.passed:
            self._shut_down()

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for connected in self._sockets:
            connected.close()

    def _shut_down(self) -> None:
        for connected in self._sockets:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:  # already closed
                continue


def _opener(deadline: _Deadline) -> OpenerDirector:
    class WatchedHTTP(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            deadline.watch(self.sock)

    class WatchedHTTPS(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            deadline.watch(self.sock)

    class Plain(HTTPHandler):
        def http_open(self, req: Request) -> http.client.HTTPResponse:
            return self.do_open(WatchedHTTP, req)

    class Secure(HTTPSHandler):
        def https_open(self, req: Request) -> http.client.HTTPResponse:
            return self.do_open(WatchedHTTPS, req)

    return build_opener(Plain, Secure, SafeRedirects)
