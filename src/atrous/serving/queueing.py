"""The queue before the network: bounded, with deadlines, and emptied in batches of images of one size."""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import UInt8

from atrous.errors import InputError
from atrous.inference.predictor import Predictor
from atrous.serving.compute import Computed, compute
from atrous.serving.metrics import Metrics
from atrous.serving.request_error import RequestError, busy
from atrous.serving.thread_shares import ThreadShares
from atrous.sizes import Size

LARGE_PIXELS = 2**20
"""Pixels of an image from which its batch is computed alone: its maps take much memory."""


@dataclass
class Job:
    """An image that waits for a network.

    Attributes:
        predictor: Model and settings. Jobs of the same predictor and size are computed together.
        image: As `Predictor.image_array` returns it.
        probabilities: If true, the result holds the probability of every class at every pixel.
        deadline: Time of `time.monotonic` after which nobody waits for the result.
        result: Holds the result, or the error, once it is there.
    """

    predictor: Predictor
    image: UInt8[np.ndarray, "h w c"]
    probabilities: bool
    deadline: float
    result: Future[Computed] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)

    @property
    def bucket(self) -> tuple[int, Size, bool]:
        """Key that is equal for jobs that can be computed in one batch."""
        return id(self.predictor), self.predictor.input_size(self.image), self.probabilities

    @property
    def alone(self) -> bool:
        """True if no other batch is computed at the same time: engines and other devices divide their own work."""
        predictor = self.predictor
        large = math.prod(predictor.input_size(self.image)) >= LARGE_PIXELS
        return large or predictor.is_exported or predictor.device.type != "cpu"


class Queue:
    """Jobs in the order of their arrival, and the threads that compute them.

    Args:
        capacity: Largest number of jobs that wait.
        metrics: Observes waiting times, computing times and sizes of batches.
    """

    def __init__(self, *, capacity: int, metrics: Metrics) -> None:
        self.capacity, self._metrics = capacity, metrics
        self._waiting = deque[Job]()
        self._changed = threading.Condition()
        self._closed = False
        self._seconds_per_image = 0.1
        self._shares = ThreadShares()
        metrics.gauge("atrous_waiting_images", lambda: len(self._waiting))
        self._threads = [
            threading.Thread(target=self._run, args=[number], name=f"atrous-network-{number}", daemon=True)
            for number in range(self._shares.most_batches)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Job) -> Future[Computed]:
        """Add a job; returns its future.

        Raises:
            RequestError: 503 if as many jobs wait as may, or the queue is closed.
        """
        with self._changed:
            if self._closed:
                raise busy("the service is shutting down; send the image to another one", retry_after=5)
            if len(self._waiting) >= self.capacity:
                raise busy(
                    f"{len(self._waiting)} images wait already; send the image again", retry_after=self.retry_after()
                )
            self._waiting.append(job)
            self._changed.notify_all()
        return job.result

    def retry_after(self) -> int:
        """Seconds, at least 1, in which half of the waiting images will have been computed."""
        return max(1, round(len(self._waiting) * self._seconds_per_image / 2))

    def close(self) -> None:
        """Compute what waits, take nothing more, and end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        while True:
            with self._changed:
                while not (threads := self._threads_of_next(number)):
                    if self._closed and not self._waiting:
                        return
                    self._changed.wait()
                batch = self._next_batch()
            try:
                torch.set_num_threads(threads)  # of the calling thread
                self._compute(batch, threads=threads)
            except Exception as error:  # the thread must go on, whatever happens
                for job in batch:
                    _fail(job, error)
            finally:
                with self._changed:
                    self._shares.give_back()
                    self._changed.notify_all()

    def _threads_of_next(self, number: int) -> int:
        """Threads with which a thread of the network computes the batch of the job that waits longest; 0 if not now."""
        if not self._waiting:
            return 0
        images = Counter(job.bucket for job in self._waiting)
        lengths = {job.bucket: _length(job) for job in self._waiting}
        batches = sum(math.ceil(number / lengths[bucket]) for bucket, number in images.items())
        return self._shares.take(number, waiting=batches, alone=self._waiting[0].alone)

    def _next_batch(self) -> list[Job]:
        """The job that waits longest, and others of its bucket; those that nobody waits for are left out."""
        now, batch, others = time.monotonic(), list[Job](), deque[Job]()
        for job in self._waiting:
            if job.deadline <= now:
                late = busy("the image waited longer than its deadline; send it again", retry_after=self.retry_after())
                _fail(job, late)
            elif job.result.cancelled():
                continue
            elif not batch or (job.bucket == batch[0].bucket and len(batch) < _length(job)):
                batch.append(job)
            else:
                others.append(job)
        self._waiting = others
        return [job for job in batch if job.result.set_running_or_notify_cancel()]

    def _compute(self, batch: Sequence[Job], *, threads: int) -> None:
        if not batch:
            return
        started = time.monotonic()
        for job in batch:
            self._metrics.observe("atrous_stage_seconds", started - job.since, {"stage": "wait"})
        try:
            results = compute(batch[0].predictor, [job.image for job in batch], probabilities=batch[0].probabilities)
        except Exception as error:
            if len(batch) > 1:  # perhaps only one of them cannot be computed, or all of them only together
                for job in batch:
                    self._compute([job], threads=threads)
                return
            _fail(batch[0], _as_request_error(error))
            return
        seconds = time.monotonic() - started
        self._metrics.observe("atrous_stage_seconds", seconds, {"stage": "predict"})
        self._metrics.observe("atrous_batch_images", len(batch))
        per_image = seconds * threads / self._shares.total / len(batch)  # of the whole machine
        self._seconds_per_image += 0.2 * (per_image - self._seconds_per_image)
        for job, result in zip(batch, results, strict=True):
            timed = Computed(result, wait=started - job.since, predict=seconds, batch=len(batch))
            job.result.set_result(timed)


def _length(job: Job) -> int:
    return job.predictor.batch_length(job.predictor.input_size(job.image))


def _fail(job: Job, error: Exception) -> None:
    if not job.result.done() and (job.result.running() or job.result.set_running_or_notify_cancel()):
        job.result.set_exception(error)


def _as_request_error(error: Exception) -> Exception:
    if isinstance(error, InputError):
        return RequestError(422, "not_predictable", str(error))
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
        return busy("too little memory for this image now; send a smaller one, or this one later", retry_after=5)
    return error
