"""Redirects of downloads: to http and https addresses only, and never from https to http."""

from http.client import HTTPMessage
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request

SCHEMES = ("http", "https")


class SafeRedirects(HTTPRedirectHandler):
    """Follows at most five redirects, and refuses those that would leave http and https, or encryption."""

    max_redirections = 5
    max_repeats = 2

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """The request to the new address; raises URLError if it is refused."""
        allowed = ("https",) if urlsplit(req.full_url).scheme.lower() == "https" else SCHEMES
        if urlsplit(newurl).scheme.lower() not in allowed:
            fp.close()
            raise URLError(f"redirects to {newurl:.200}, which is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
