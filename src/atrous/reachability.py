"""Quick check that an address answers at all, so that a machine without a network waits for nothing."""

import http.client
import threading
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from atrous.redirects import SafeRedirects

ANSWER_SECONDS = 7.0
"""Seconds within which the addresses of a file have to answer, all together."""


def unreachable(url: str, *, seconds: float = ANSWER_SECONDS) -> str | None:
    """Reason for which an address gives no answer; None if it gives one, whatever its status.

    Args:
        url: An http or https address; it gets a HEAD request.
        seconds: Longest wait, for the name's resolution too, which no timeout of a socket limits.
    """
    reasons: list[str | None] = []
    thread = threading.Thread(target=lambda: reasons.append(_failure(url, seconds=seconds)), daemon=True)
    thread.start()
    thread.join(seconds)
    return reasons[0] if reasons else f"no answer within {seconds:.2g} s"


def _failure(url: str, *, seconds: float) -> str | None:
    try:
        with build_opener(SafeRedirects).open(Request(url, method="HEAD"), timeout=seconds):
            return None
    except HTTPError as error:
        error.close()
        return None
    except URLError as error:
        return f"{error.reason}"
    except TimeoutError:
        return f"no answer within {seconds:.2g} s"
    except (http.client.HTTPException, OSError, ValueError) as error:
        return f"connection broken ({type(error).__name__})"
