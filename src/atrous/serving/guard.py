"""Middleware around every request: security headers, the token, and counting."""

import base64
import hmac
import time
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atrous.serving.metrics import Metrics
from atrous.serving.request_error import RequestError
from atrous.serving.service import error_content

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Middleware that adds security headers, asks for the token, and counts requests.

    Args:
        app: The application.
        token: Bearer token that requests must carry; None lets everybody in.
        open_paths: Paths that need no token: the page, which asks for it, and the health of the server.
        known_paths: Paths that are counted by name.
        metrics: Counts and times requests.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        token: str | None,
        open_paths: Collection[str],
        known_paths: Collection[str],
        metrics: Metrics,
    ) -> None:
        self._app, self._metrics = app, metrics
        self._token = None if token is None else token.encode()
        self._open_paths, self._known_paths = open_paths, known_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.monotonic(), 500

        async def send_guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        try:
            refused = self._refusal(scope)
            await (refused or self._app)(scope, receive, send_guarded)
        finally:
            path = scope["path"] if scope["path"] in self._known_paths else "other"
            self._metrics.count("atrous_requests_total", {"path": path, "status": str(status)})
            self._metrics.observe("atrous_request_seconds", time.monotonic() - started, {"path": path})

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if scope["method"] == "POST" and headers.get("sec-fetch-site") == "cross-site":
            return error_response(RequestError(403, "other_site", "pages of other sites may not use this service"))
        if self._token is None or scope["path"] in self._open_paths:
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":  # what Label Studio sends: any user, the token as password
            scheme, given = "bearer", _password(given)
        # Compared even where the scheme is wrong, and as bytes, so that the time tells nothing.
        same = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token)
        if same and scheme.lower() == "bearer":
            return None
        error = RequestError(401, "no_token", "send the header `Authorization: Bearer TOKEN` with the server's token")
        return error_response(error)


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def error_response(error: RequestError) -> Response:
    """The response of a request's error."""
    headers = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    return Response(error_content(error), status_code=error.status, headers=headers, media_type="application/json")
