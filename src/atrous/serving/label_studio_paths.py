"""The paths that Label Studio asks: /health, /setup, /predict, /webhook."""

import asyncio
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from atrous.serving.label_studio import Control, annotations, controls
from atrous.serving.label_studio_pictures import PictureSource
from atrous.serving.models import Strategy
from atrous.serving.request_error import RequestError
from atrous.serving.service import Service
from atrous.serving.uploads import read_json

MOST_TASKS = 100


def add_label_studio(app: FastAPI, service: Service, source: PictureSource) -> None:
    """Add the paths of a machine-learning backend to an application."""
    model = service.models.default
    version = f"{model.name}-{(model.default.sha256 or 'model')[:12]}"

    @app.get("/health")
    async def health() -> Response:
        """Answer that the backend is there."""
        return JSONResponse({"status": "UP", "model_class": "atrous"})

    @app.post("/setup")
    async def setup(request: Request) -> Response:
        """Check the label configuration of a project, and name the model."""
        body = await _object(request)
        if body.get("schema"):
            controls(str(body["schema"]))
        return JSONResponse({"model_version": version})

    @app.post("/webhook")
    async def webhook(request: Request) -> Response:
        """Take note of an event, of which nothing follows."""
        await _object(request)
        return JSONResponse({"result": {}, "status": "ok"})

    @app.post("/predict")
    async def predict(request: Request) -> Response:
        """Predict tasks one by one; a task that fails has an empty result and its error."""
        body = await _object(request)
        tasks = body.get("tasks")
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise RequestError(422, "label_studio", "the request has no list of tasks")
        if len(tasks) > MOST_TASKS:
            raise RequestError(413, "label_studio", f"{len(tasks)} tasks at a time; send at most {MOST_TASKS}")
        found = controls(str(body.get("label_config", "")))
        results = [await _result(service, source, task, found) for task in tasks]
        return JSONResponse({"results": [{"model_version": version, **result} for result in results]})

    async def _result(
        service: Service, source: PictureSource, task: dict[str, Any], found: list[Control]
    ) -> dict[str, Any]:
        data = task.get("data")
        shown = {control.key for control in found}
        entries: list[dict[str, Any]] = []
        scores: list[float] = []
        try:
            for key in sorted(shown):
                service.admit()
                service.open_requests += 1
                try:
                    with service.memory.share() as share:
                        written = data.get(key) if isinstance(data, dict) else None
                        content = await service.in_thread(lambda written=written: source.read(written))
                        share.take(len(content))
                        predicted = await service.predict(content, model, Strategy(), probabilities=True, share=share)
                        result = predicted.result
                        assert result.probabilities is not None
                        scores.append(float(np.mean(result.probabilities.max(axis=0), dtype=np.float64)))
                        for control in (one for one in found if one.key == key):
                            entries += await service.in_thread(
                                lambda control=control, result=result: annotations(result, control)
                            )
                finally:
                    service.open_requests -= 1
        except RequestError as error:
            return {"result": [], "score": 0.0, "error": error.message}
        return {"result": entries, "score": sum(scores) / len(scores)}


async def _object(request: Request) -> dict[str, Any]:
    async with asyncio.timeout(30):
        return await read_json(request, max_bytes=2**24)
