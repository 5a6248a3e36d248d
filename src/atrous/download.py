"""Files from the net: whole and verified, or not at all; an interrupted download goes on where it stopped."""

import hashlib
import http.client
import re
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from filelock import FileLock, Timeout

from atrous.errors import InputError
from atrous.reachability import ANSWER_SECONDS, unreachable
from atrous.redirects import SafeRedirects

OnProgress = Callable[[int, int], None]
"""Called with bytes there and bytes in all."""

LARGEST_UNKNOWN = 4 << 30
"""Most bytes of a file whose size nobody published: all those have less than a quarter of it."""

_CHUNK = 1 << 16
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
_ATTEMPTS_PER_URL = 2
_LOCK_SECONDS = 3600
_OPENER = build_opener(SafeRedirects)
_SLOWEST = 1024
"""Bytes a second, over `timeout` seconds, below which a server counts as stalled."""


@dataclass(frozen=True)
class Remote:
    """A file on the net.

    Attributes:
        urls: Public addresses of the same bytes, tried in order.
        digest: Algorithm and hexadecimal digest, or what was published of its beginning, such as `sha256:7aad0c74`;
            `git` is git's name of the content. None where nobody published one: then nothing but sizes is compared.
        size: In bytes; None where nobody published it, then the server's word counts, up to `LARGEST_UNKNOWN`.
        about: The same, where only a rounded one was published: what is less than half or more than twice as large is
            another file.
        authorization: Header of that name, for the addresses themselves and not for those that they redirect to.
    """

    urls: tuple[str, ...]
    digest: str | None
    size: int | None
    about: int | None = None
    authorization: str | None = None

    def fits(self, path: Path, *, digest: Callable[[str], str] | None = None) -> bool:
        """Return True if a file is this one, as far as its digest or size is known.

        Args:
            path: The file.
            digest: Its digest by algorithm, where it may be known already.
        """
        if self.digest is None:
            return self.is_plausible(path.stat().st_size)
        algorithm, _, beginning = self.digest.partition(":")
        return (digest(algorithm) if digest else file_digest(path, algorithm)).startswith(beginning)

    def is_plausible(self, size: int) -> bool:
        """Return True if the file can have this many bytes."""
        if self.size is not None:
            return size == self.size
        return size <= LARGEST_UNKNOWN if self.about is None else self.about <= 2 * size <= 4 * self.about

    @property
    def expected(self) -> str:
        """Words for the sizes that are plausible."""
        return f"at most {LARGEST_UNKNOWN}" if self.about is None else f"about {self.about}"


def file_digest(path: Path, algorithm: str) -> str:
    """Digest of a file, in hexadecimal; `git` is SHA-1 of its length and content, by which git knows it."""
    if algorithm == "git":
        content = path.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def download(
    remote: Remote, path: Path, *, name: str, remedy: str, on_progress: OnProgress | None = None, timeout: float = 30.0
) -> None:
    """Make sure that `path` is the remote file.

    Args:
        remote: The file to fetch.
        path: Local file; one that is there already stays if it is the right one.
        name: Name of the file in error messages.
        remedy: Advice for the error message if the file cannot be had.
        on_progress: Sees the download grow.
        timeout: Seconds without a byte, or with less than 1 KiB a second, after which a server counts as stalled.

    Raises:
        InputError: If no address gives the right bytes; the line has each address and what it answered. One process
            downloads at a time; the others wait for it.
        OSError: If the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{path}.lock", timeout=_LOCK_SECONDS):
            if not (path.is_file() and remote.fits(path)):
                _download(remote, path, name=name, remedy=remedy, on_progress=on_progress, timeout=timeout)
    except Timeout as error:
        raise InputError(f"another process has held {path}.lock for an hour; stop it and try again") from error


def _download(
    remote: Remote, path: Path, *, name: str, remedy: str, on_progress: OnProgress | None, timeout: float
) -> None:
    # Kept after a failure, so that the next attempt resumes it; the digest decides what becomes of it.
    partial = path.with_name(f"{path.name}.part")
    problems = []
    for url in remote.urls:
        problem = unreachable(url, seconds=ANSWER_SECONDS / len(remote.urls))
        if problem is None:
            problem = _fetch(url, partial, remote=remote, on_progress=on_progress, timeout=timeout)
        if problem is None:
            partial.replace(path)
            return
        problems.append(f"{url}: {problem}")
    raise InputError(f"cannot download {name} ({'; '.join(problems)}); {remedy}")


def _fetch(url: str, partial: Path, *, remote: Remote, on_progress: OnProgress | None, timeout: float) -> str | None:
    """Complete the partial file from one address; return what went wrong, or None."""
    problem = ""
    for _ in range(_ATTEMPTS_PER_URL):
        before = _size(partial)
        try:
            _receive(url, partial, remote=remote, on_progress=on_progress, timeout=timeout)
        except _NotServed as error:
            problem = f"{error}"
            if _size(partial) == before:  # the same again would be answered the same way
                break
            continue
        _version(partial).unlink(missing_ok=True)
        if remote.fits(partial):
            return None
        partial.unlink()  # wrong bytes from this server, or from an earlier one that was resumed
        problem = "the file there is another one"
        if remote.digest is not None:
            algorithm, _, digest = remote.digest.partition(":")
            problem += f" (its {algorithm} is not {digest[:12]}...)"
        if not before:
            break
    return problem


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


class _NotServed(Exception):  # noqa: N818
    """A server did not give the rest of the file."""


def _receive(url: str, partial: Path, *, remote: Remote, on_progress: OnProgress | None, timeout: float) -> None:
    """Append to the partial file what it still lacks."""
    there = _size(partial)
    if remote.size is not None and there >= remote.size:
        return
    request = Request(url, headers=_rest(partial, there, remote=remote))
    if remote.authorization is not None:
        request.add_unredirected_header("Authorization", remote.authorization)
    try:
        with _OPENER.open(request, timeout=timeout) as response, partial.open("ab") as file:
            if response.status == HTTPStatus.OK:  # it sends everything, perhaps again
                file.truncate(0)
                there = 0
                if remote.digest is None:
                    _version(partial).write_text(response.headers.get("ETag", ""), encoding="latin-1", errors="replace")
            elif there and not response.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
                file.truncate(0)
                raise _NotServed("another range than asked for")
            whole = remote.size or there + _length(response.headers)
            if not remote.is_plausible(whole):
                raise _NotServed(f"announces {whole} bytes where {remote.expected} are expected")
            since, bytes_since = time.monotonic(), 0
            while there < whole and (chunk := response.read1(min(_CHUNK, whole - there))):
                file.write(chunk)
                there += len(chunk)
                bytes_since += len(chunk)
                if (seconds := time.monotonic() - since) >= timeout:
                    if bytes_since < _SLOWEST * seconds:
                        raise _NotServed(f"only {bytes_since} bytes in {seconds:.2g} s")
                    since, bytes_since = time.monotonic(), 0
                if on_progress is not None:
                    on_progress(there, whole)
    except HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # the file there is not longer than ours
            if remote.size is None:
                return
            partial.unlink(missing_ok=True)
        if HTTPStatus.MULTIPLE_CHOICES <= error.code < HTTPStatus.BAD_REQUEST:
            raise _NotServed(f"redirects to {error.headers.get('Location', ''):.200}, which is refused") from error
        raise _NotServed(f"HTTP {error.code}") from error
    except URLError as error:
        raise _NotServed(error.reason) from error
    except TimeoutError as error:
        raise _NotServed(f"stalled for {timeout:g} s") from error
    except (http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
        raise _NotServed(f"connection broken ({type(error).__name__})") from error
    if there < whole:
        raise _NotServed(f"ended after {there} of {whole} bytes")


def _rest(partial: Path, there: int, *, remote: Remote) -> dict[str, str]:
    """The request's headers for what is still lacking: all of it, where the server's file may be another one by now."""
    if not there:
        return {}
    wanted = {"Range": f"bytes={there}-"}
    if remote.digest is not None:  # which will tell
        return wanted
    version = _version(partial).read_text(encoding="latin-1") if _version(partial).exists() else ""
    return wanted | {"If-Range": version} if _STRONG_ETAG.fullmatch(version) else {}


def _version(partial: Path) -> Path:
    """File that keeps the server's name for the version of a partial file."""
    return partial.with_name(f"{partial.name}.etag")


def _length(headers: Message) -> int:
    length = headers.get("Content-Length", "")
    if not (length.isascii() and length.isdecimal()):
        raise _NotServed("does not say how long the file is")
    return int(length)
