"""The HTTP application: its paths and their answers."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from atrous.serving.guard import Guard, error_response
from atrous.serving.label_studio_paths import add_label_studio
from atrous.serving.label_studio_pictures import PictureSource
from atrous.serving.openapi import MODEL, SEGMENT, openapi_document
from atrous.serving.page_files import page_files
from atrous.serving.parameters import parse_parameters
from atrous.serving.request_error import RequestError, busy
from atrous.serving.service import Answer, Service
from atrous.serving.uploads import read_upload
from atrous.version import __version__

PATHS = (
    "/v1/segment", "/v1/model", "/healthz", "/readyz", "/metrics", "/openapi.json", "/",
    "/health", "/setup", "/predict", "/webhook",
)  # fmt: skip


def build_app(service: Service, *, token: str | None = None, label_studio: PictureSource | None = None) -> FastAPI:
    """Build the application of a service.

    Args:
        service: Models, decoders and queue.
        token: Bearer token that requests must carry, but for the page and the health of the server.
        label_studio: Source of the pictures of Label Studio's tasks; None leaves its paths out.
    """
    app = FastAPI(title="atrous", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    page = page_files()
    open_paths = {*page, "/healthz", "/readyz", "/health"}
    app.add_middleware(Guard, token=token, open_paths=open_paths, known_paths={*PATHS, *page}, metrics=service.metrics)
    app.add_exception_handler(RequestError, _on_request_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    service.metrics.gauge("atrous_resident_bytes", _resident_bytes)

    @app.post("/v1/segment", openapi_extra=SEGMENT)
    async def segment(request: Request) -> Response:
        """Predict the label map of a picture."""
        service.admit()
        service.open_requests += 1
        try:
            with service.memory.share() as share:
                limits = service.limits
                query = {name: request.query_params.getlist(name) for name in request.query_params}
                parse_parameters(query, {})  # before the body, which may be long
                upload = await read_upload(request, max_bytes=limits.max_bytes, seconds=limits.deadline, share=share)
                parameters = parse_parameters(query, upload.fields)
                return _response(
                    await _unless_disconnected(request, service.segment(upload.content, parameters, share))
                )
        finally:
            service.open_requests -= 1

    @app.get("/v1/model", openapi_extra=MODEL)
    async def model() -> Response:
        """Describe the models and the limits of requests."""
        return _json(service.description())

    @app.get("/healthz")
    async def healthz() -> Response:
        """Answer as long as the process does."""
        return _json({"status": "ok"})

    @app.get("/readyz")
    async def readyz() -> Response:
        """Answer 200 while pictures are taken, else 503."""
        if service.draining:
            raise busy("the service is shutting down", retry_after=5)
        return _json({"status": "ready"})

    @app.get("/metrics")
    async def metrics() -> Response:
        """Show numbers in the text format of Prometheus."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/openapi.json")
    async def description() -> Response:
        """Describe this interface in OpenAPI."""
        return _json(document)

    if label_studio is not None:
        add_label_studio(app, service, label_studio)
    for path, (content, kind) in page.items():
        app.add_api_route(path, _file(content, kind), methods=["GET"], include_in_schema=False)
    document = openapi_document(app, needs_token=token is not None)
    return app


def _file(content: bytes, kind: str) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

    return answer


async def _unless_disconnected(request: Request, work: Awaitable[Answer]) -> Answer:
    """The answer; the work ends where the client has gone, for whom nobody need compute."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise RequestError(400, "disconnected", "the connection ended before the answer")
    finally:
        gone.cancel()
        task.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _response(answer: Answer) -> Response:
    timing = ", ".join(f"{name};dur={value:.1f}" for name, value in answer.timings.items())
    return Response(answer.content, media_type=answer.kind, headers={"server-timing": timing})


def _json(value: Any) -> Response:
    return JSONResponse(value)


async def _on_request_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return error_response(error)


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "unknown_path", 405: "wrong_method"}.get(error.status_code, "refused")
    response = error_response(RequestError(error.status_code, code, f"{error.detail}; see /openapi.json"))
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response


def _resident_bytes() -> float:
    statm = Path("/proc/self/statm")
    return float(int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")) if statm.exists() else 0.0
