"""The body of a request: an image as it is, or in the field `image` of a form; its size is limited while it arrives."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request

from atrous.errors import reason
from atrous.serving.forms import FormReader, Part, damaged
from atrous.serving.memory_budget import Share
from atrous.serving.request_error import RequestError

FIELD = "image"


@dataclass(frozen=True)
class Upload:
    """The image of a request, with the fields of its form.

    Attributes:
        content: The image file.
        fields: The other fields of the form, by name.
    """

    content: bytes
    fields: dict[str, list[str]] = field(default_factory=dict)


async def read_upload(request: Request, *, max_bytes: int, seconds: float, share: Share) -> Upload:
    """Read the body of a request.

    Args:
        request: The request; its body has not been read.
        max_bytes: Longer bodies are refused, by their stated length or as soon as they exceed it.
        seconds: Time in which the body has to arrive.
        share: Holds the bytes that have arrived.

    Raises:
        RequestError: 408 if the body is late, 413 if it is too long, 415 if it is neither an image nor a form with one,
            422 if the form is damaged, lacks its image or has two of them.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > max_bytes:
        raise _too_long(max_bytes)
    if kind in ("application/json", "application/x-www-form-urlencoded") or kind.startswith("text/"):
        ways = f"send the image file as image/jpeg or the like, or a form with it: curl -F {FIELD}=@FILE"
        line = f"a body of type {kind:.80} holds no image; {ways}"
        raise RequestError(415, "unknown_format", line)
    body = _limited(request, max_bytes=max_bytes, share=share)
    try:
        async with asyncio.timeout(seconds):
            if kind != "multipart/form-data":
                return Upload(b"".join([chunk async for chunk in body]))
            reader = FormReader(content_type)
            async for chunk in body:
                reader.feed(chunk)
    except TimeoutError as error:
        raise RequestError(408, "late", f"the body did not arrive within {seconds:g} s; send it again") from error
    except ClientDisconnect as error:
        raise RequestError(400, "disconnected", "the connection ended before the body; send it again") from error
    return _of_form(reader.finish())


async def _limited(request: Request, *, max_bytes: int, share: Share) -> AsyncGenerator[bytes, None]:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > max_bytes:
            raise _too_long(max_bytes)
        share.take(len(chunk))
        yield chunk


def _of_form(parts: list[Part]) -> Upload:
    files = [part for part in parts if part.is_file]
    if len(files) != 1 or files[0].name != FIELD:
        names = ", ".join(part.name for part in files) or "none"
        raise damaged(f"its one file is the field `{FIELD}` (files found: {names:.200}); addresses are not opened")
    fields: dict[str, list[str]] = {}
    for part in parts:
        if not part.is_file:
            fields.setdefault(part.name, []).append(part.content.decode("utf-8", "replace"))
    return Upload(bytes(files[0].content), fields)


def _too_long(max_bytes: int) -> RequestError:
    return RequestError(413, "too_many_bytes", f"the body has more than {max_bytes} bytes; send a smaller file")


async def read_json(request: Request, *, max_bytes: int) -> dict[str, Any]:
    """Read the body of a request that is a JSON object; raises RequestError 413 or 422 for others."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > max_bytes:
            raise _too_long(max_bytes)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RequestError(422, "damaged_json", f"the body is no JSON: {reason(error)}") from error
    if not isinstance(value, dict):
        raise RequestError(422, "damaged_json", f"the body is {type(value).__name__} instead of a JSON object")
    return value
