"""The pictures of Label Studio's tasks, read from the one Label Studio that the server was started for.

Its access tokens are of two kinds: a personal one is exchanged for another that lasts some minutes, a legacy one, which
recent versions refuse unless an organisation allows it, is sent as it is: https://labelstud.io/guide/access_tokens.
"""

import base64
import binascii
import json
import re
import threading
import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.parse import urljoin, urlsplit

from atrous.errors import InputError, reason
from atrous.serving.request_error import RequestError

_LONGEST_TOKEN = 2**16


class PictureSource:
    """Reads the pictures of tasks from one Label Studio.

    Args:
        address: Its address, such as `http://localhost:8080`.
        key: An access token of it, personal or legacy; None where it needs none.
        max_bytes: Largest picture.
        seconds: Time that a picture may take.

    Raises:
        InputError: If the address is none of http or https, or the token is no single printable word.
    """

    def __init__(self, address: str, *, key: str | None, max_bytes: int, seconds: float) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"--label-studio {address}: give the address of Label Studio, as http://localhost:8080")
        self._address, self._key = address.rstrip("/") + "/", (key or "").strip() or None
        if self._key and not _is_token(self._key):  # an error about the header would show it to every client
            raise InputError("LABEL_STUDIO_API_KEY has blanks or unusual characters; copy the access token again")
        self._max_bytes, self._seconds = max_bytes, seconds
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._lent: str | None = None
        self._lock = threading.Lock()

    def read(self, written: object) -> bytes:
        """Read a picture by the address that a task states; blocks.

        Raises:
            RequestError: 422 if the address is of another host, or gives no picture.
        """
        if not isinstance(written, str) or not written:
            raise RequestError(422, "picture_address", f"the task states no address of a picture: {written!r:.80}")
        if written.startswith("data:"):
            return _of_data_address(written)
        try:
            address = urljoin(self._address, written)
        except ValueError:
            address = ""
        if _origin(address) != _origin(self._address):
            line = f"{written:.200} is not on {self._address}; only pictures of this Label Studio are read"
            raise RequestError(422, "picture_address", line)
        try:
            content = self._get(address)
        except urllib.error.HTTPError as error:
            error.close()
            refused = error.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            advice = "; set LABEL_STUDIO_API_KEY to a personal access token of Label Studio" if refused else ""
            line = f"cannot read {written:.200}: {reason(error)}{advice}"
            raise RequestError(422, "picture_address", line) from error
        except (OSError, ValueError, HTTPException) as error:
            raise RequestError(422, "picture_address", f"cannot read {written:.200}: {reason(error)}") from error
        if len(content) > self._max_bytes:
            raise RequestError(413, "too_many_bytes", f"{written:.200} has more than {self._max_bytes} bytes")
        return content

    def _get(self, address: str) -> bytes:
        """At most one byte more than allowed; a token that was lent and has run out is replaced once."""
        authorization = self._authorization(refused=None)
        try:
            return self._ask(urllib.request.Request(address, headers=authorization), self._max_bytes + 1)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.UNAUTHORIZED or self._lent is None:
                raise
            error.close()
        authorization = self._authorization(refused=authorization["Authorization"])
        return self._ask(urllib.request.Request(address, headers=authorization), self._max_bytes + 1)

    def _authorization(self, *, refused: str | None) -> dict[str, str]:
        """The header that carries the token; a personal one is exchanged where none is lent, or that was refused."""
        if self._key is None:
            return {}
        if self._key.count(".") != 2:  # no JSON web token: a legacy one
            return {"Authorization": f"Token {self._key}"}
        with self._lock:  # one thread exchanges it for all
            if self._lent is None or f"Bearer {self._lent}" == refused:
                self._lent = self._exchanged(self._key)
            return {"Authorization": f"Bearer {self._lent}"}

    def _exchanged(self, key: str) -> str:
        request = urllib.request.Request(
            urljoin(self._address, "api/token/refresh"),
            data=json.dumps({"refresh": key}).encode(),
            headers={"Content-Type": "application/json"},
        )
        answer = json.loads(self._ask(request, _LONGEST_TOKEN))
        access = answer.get("access") if isinstance(answer, dict) else None
        if not isinstance(access, str) or not _is_token(access):
            raise ValueError("Label Studio answered the personal access token with no token to use")
        return access

    def _ask(self, request: urllib.request.Request, most: int) -> bytes:
        with self._opener.open(request, timeout=self._seconds) as answer:
            content: bytes = answer.read(most)
        return content


def _is_token(text: str) -> bool:
    return re.fullmatch(r"[!-~]+", text) is not None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nobody elsewhere: a redirect could lead to any host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Refuse every redirect."""
        return


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        return "", None, None
    return parts.scheme, parts.hostname, port or {"http": 80, "https": 443}.get(parts.scheme)


def _of_data_address(written: str) -> bytes:
    head, _, body = written.partition(",")
    try:
        if not head.endswith(";base64"):
            raise ValueError("it is not in base64")
        return base64.b64decode(body, validate=True)
    except (ValueError, binascii.Error) as error:
        raise RequestError(422, "picture_address", f"the task's data address cannot be read: {error}") from error
