"""The way of a picture through the service: upload, decoding, queue, network, answer."""

import asyncio
import json
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.inference.result import Result, without_missing
from atrous.memory_limit import memory_limit
from atrous.serving.answers import encoded
from atrous.serving.compute import Computed
from atrous.serving.decoding import DecodingPool
from atrous.serving.image_formats import check_format
from atrous.serving.memory_budget import MemoryBudget, Share
from atrous.serving.metrics import Metrics
from atrous.serving.models import Models, ServedModel, Strategy
from atrous.serving.parameters import SegmentParameters
from atrous.serving.queueing import Job, Queue
from atrous.serving.request_error import RequestError, busy

T = TypeVar("T")

_WARM_UP_SIDE = 65


@dataclass(frozen=True)
class Limits:
    """Limits of what requests may ask for and hold.

    Attributes:
        queue: Predictions that are being answered at a time; further requests get 503.
        deadline: Seconds from a request's upload to its answer; it gets 503 after that.
        max_bytes: Largest body of a request, in bytes.
        max_pixels: Largest picture.
        memory: Bytes of uploads, pictures and results that are held at a time; None: half of the memory, up to 4 GiB.
        decoders: Processes that decode uploads.
    """

    queue: int = 64
    deadline: float = 30.0
    max_bytes: int = 32 * 2**20
    max_pixels: int = 2**26
    memory: int | None = None
    decoders: int = 2

    def __post_init__(self) -> None:
        """Refuse limits that let nothing through."""
        for name in ("queue", "deadline", "max_bytes", "max_pixels", "decoders"):
            if getattr(self, name) <= 0:
                option = name.replace("_", "-")
                raise InputError(f"--{option} {getattr(self, name)} lets no request through; give a larger number")


@dataclass(frozen=True)
class Predicted:
    """A result, the predictor that it is of, and how long its stages took in milliseconds, by name."""

    predictor: Predictor
    result: Result
    timings: dict[str, float]


@dataclass(frozen=True)
class Answer:
    """The content of a response, and how long its stages took in milliseconds, by name."""

    content: bytes
    kind: str
    timings: dict[str, float]


class Service:
    """Models, decoders and queue; `warm_up` before the first request, `close` after the last.

    Args:
        models: The models.
        limits: What requests may ask for and hold.
    """

    def __init__(self, models: Models, limits: Limits | None = None) -> None:
        self.models, self.limits, self.metrics = models, limits or Limits(), Metrics()
        self.memory = MemoryBudget(self.limits.memory or min(memory_limit() // 2, 2**32))
        self.open_requests = 0
        self.draining = False
        self.decoders = DecodingPool(
            workers=self.limits.decoders,
            max_pixels=self.limits.max_pixels,
            seconds=self.limits.deadline,
            metrics=self.metrics,
        )
        self.queue = Queue(capacity=self.limits.queue, metrics=self.metrics)
        self._decoding = ThreadPoolExecutor(self.limits.decoders, thread_name_prefix="atrous-decoding")
        self._helpers = ThreadPoolExecutor(
            2, thread_name_prefix="atrous-encoding", initializer=torch.set_num_threads, initargs=(1,)
        )  # where a model is made for a further output stride, no threads are started (`thread_shares.py`)
        self.metrics.gauge("atrous_open_requests", lambda: self.open_requests)
        self.metrics.gauge("atrous_held_bytes", lambda: self.memory.held)

    def warm_up(self) -> None:
        """Wait for the decoders and predict small pictures, which compiles what is compiled when it is first needed.

        Returns when every model has predicted one at a single scale and one at two: where the compiler's cache is
        empty the second takes many seconds, which the first request would wait for.
        """
        variants = filter(None, (model.variant() for model in self.models))
        jobs = [self._warm_up_job(one) for one in (*(model.default for model in self.models), *variants)]
        self.decoders.await_start()
        for job in jobs:
            job.result.result()

    def _warm_up_job(self, predictor: Predictor) -> Job:
        side = min(predictor.pad or (_WARM_UP_SIDE, _WARM_UP_SIDE))
        image = np.zeros((side, side, predictor.in_channels), np.uint8)
        job = Job(predictor, image, probabilities=False, deadline=math.inf)
        self.queue.submit(job)
        return job

    def admit(self) -> None:
        """Refuse a further request, before its body is read; raises RequestError 503."""
        if self.draining:
            raise busy("the service is shutting down; send the image to another one", retry_after=5)
        if self.open_requests >= self.limits.queue:
            line = f"{self.open_requests} images are being answered already; send the image again"
            raise busy(line, retry_after=self.queue.retry_after())

    async def segment(self, content: bytes, parameters: SegmentParameters, share: Share) -> Answer:
        """Predict an image file and encode the result.

        Args:
            content: The file.
            parameters: Settings of the prediction and of the answer.
            share: Holds the bytes of the request.

        Raises:
            RequestError: If the upload or the parameters are bad, or it cannot be answered now.
        """
        model, settings = self.models.find(parameters.model), parameters.answer
        predicted = await self.predict(
            content, model, parameters.strategy, probabilities=settings.needs_probabilities, share=share
        )
        predictor, timings = predicted.predictor, predicted.timings
        facts = {
            "model": model.name,
            "settings": {
                "output_stride": predictor.output_stride,
                "scales": list(predictor.scales),
                "flip": predictor.flip,
            },
            "milliseconds": {name: round(value, 1) for name, value in timings.items()},
        }
        started = time.monotonic()
        body, kind = await self.in_thread(lambda: encoded(predicted.result, settings, facts=facts))
        seconds = time.monotonic() - started
        self.metrics.observe("atrous_stage_seconds", seconds, {"stage": "encode"})
        return Answer(body, kind, {**timings, "encode": 1000 * seconds})

    async def predict(
        self, content: bytes, model: ServedModel, strategy: Strategy, *, probabilities: bool, share: Share
    ) -> Predicted:
        """Predict an image file.

        Args:
            content: The file.
            model: The model.
            strategy: Settings of the prediction.
            probabilities: If true, the result holds the probability of every class at every pixel.
            share: Holds the bytes of the request.

        Raises:
            RequestError: If the upload is bad, or it cannot be predicted now.
        """
        started = time.monotonic()
        deadline = started + self.limits.deadline
        check_format(content)
        predictor = await self.in_thread(lambda: model.predictor(strategy))
        array, missing = await asyncio.get_running_loop().run_in_executor(
            self._decoding,
            lambda: self.decoders.decode(content, ranges=predictor.picture_range, deadline=deadline),
        )
        share.take(array.nbytes)
        decoded = time.monotonic()
        self.metrics.observe("atrous_stage_seconds", decoded - started, {"stage": "decode"})
        try:
            image = predictor.image_array(array)
        except InputError as error:
            raise RequestError(422, "not_predictable", str(error)) from error
        pixels = image.shape[0] * image.shape[1]
        self._check_size(predictor, pixels)
        if probabilities:
            self._check_probabilities(predictor, pixels)
            share.take(4 * len(predictor.labels) * pixels)
        computed = await self._computed(Job(predictor, image, probabilities, deadline))
        timings = {
            "decode": 1000 * (decoded - started),
            "wait": 1000 * computed.wait,
            "predict": 1000 * computed.predict,
        }
        return Predicted(predictor, without_missing(computed.result, missing), timings)

    def close(self) -> None:
        """Answer what waits, and end threads and processes."""
        self.draining = True
        self.queue.close()
        for pool in (self._decoding, self._helpers):
            pool.shutdown(wait=True, cancel_futures=True)
        self.decoders.close()

    def description(self) -> dict[str, Any]:
        """Models and limits, as `GET /v1/model` describes them."""
        limits = {"max_bytes": self.limits.max_bytes, "max_pixels": self.limits.max_pixels}
        models = [model.description() for model in self.models]
        return {"default": self.models.default.name, "models": models, "limits": limits}

    async def _computed(self, job: Job) -> Computed:
        future = asyncio.wrap_future(self.queue.submit(job))
        try:
            async with asyncio.timeout(max(job.deadline - time.monotonic(), 0.001)):
                return await future
        except TimeoutError as error:
            line = f"no answer within {self.limits.deadline:g} s; send the image again, or a smaller one"
            raise busy(line, retry_after=self.queue.retry_after()) from error

    def _check_size(self, predictor: Predictor, pixels: int) -> None:
        largest = max(predictor.scales) ** 2 * pixels
        if predictor.scales != (1.0,) and largest > self.limits.max_pixels:
            line = (
                f"at scale {max(predictor.scales):g} the image has {largest:.0f} pixels, more than the limit of "
                f"{self.limits.max_pixels}; leave out large scales or send a smaller image"
            )
            raise RequestError(413, "too_many_pixels", line)

    def _check_probabilities(self, predictor: Predictor, pixels: int) -> None:
        needed = 4 * len(predictor.labels) * pixels
        if needed > self.memory.limit // 4:
            most = math.floor(self.memory.limit / 16 / len(predictor.labels))
            line = f"probabilities of {pixels} pixels need {needed} bytes; send an image of at most {most} pixels"
            raise RequestError(413, "too_many_pixels", line)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Return what `work` returns in a thread, so that other requests are answered meanwhile."""
        return await asyncio.get_running_loop().run_in_executor(self._helpers, work)


def error_content(error: RequestError) -> bytes:
    """A request's error as JSON."""
    return json.dumps({"code": error.code, "message": error.message}, ensure_ascii=False).encode()
