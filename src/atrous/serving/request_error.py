"""The error of one request: a status, a code for programs, and one line for people."""


class RequestError(Exception):
    """An answer other than the one asked for.

    Args:
        status: HTTP status code.
        code: One word of `[a-z_]`, which stays the same when the message changes.
        message: One line that names the value and the remedy.
        retry_after: Seconds after which the same request may succeed; None where it never will.
    """

    def __init__(self, status: int, code: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.retry_after = status, code, message, retry_after


def busy(message: str, *, retry_after: int) -> RequestError:
    """The service has as much to do as it may hold; the request can be sent again."""
    return RequestError(503, "busy", message, retry_after=retry_after)
