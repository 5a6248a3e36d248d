"""Decoding of uploads in processes of their own, which may neither take much memory nor much time, and may die."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from atrous.data.formats.value_range import Ranges
from atrous.serving.decoding_worker import READY
from atrous.serving.metrics import Metrics
from atrous.serving.request_error import RequestError, busy

BYTES_PER_PIXEL = 24
"""Memory of decoding per pixel of the largest image: 16-bit RGBA, its 8-bit copies, and an orientation applied."""

SPARE_BYTES = 2**29
"""Memory of decoding beside the pixels: tables of the decoders."""

START_SECONDS = 60.0
"""Time in which a process has to start, on a busy machine."""

Decoded = tuple[UInt8[np.ndarray, "h w c"], Bool[np.ndarray, "h w"] | None]


class DecodingPool:
    """Processes that decode uploads; one that dies or takes too long is replaced.

    Args:
        workers: Number of processes, at least 1.
        max_pixels: Images of more pixels are refused by their header.
        seconds: Time that one image may take.
        metrics: Counts the processes that were replaced.
    """

    def __init__(self, *, workers: int, max_pixels: int, seconds: float, metrics: Metrics) -> None:
        self.workers, self.max_pixels = workers, max_pixels
        self._seconds, self._metrics = seconds, metrics
        self._idle = queue.LifoQueue[_Worker]()  # the one used last, whose pages are in memory
        self._lock, self._closed = threading.Lock(), False
        self._all = {self._start() for _ in range(workers)}
        for worker in self._all:
            self._idle.put(worker)

    def await_start(self) -> None:
        """Block until all processes take requests; before the first request, whose time would pass with it."""
        for worker in [self._idle.get() for _ in range(self.workers)]:
            with contextlib.suppress(WorkerDiedError):  # the request that meets it has it replaced
                worker.await_start()
            self._idle.put(worker)

    def decode(self, content: bytes, *, ranges: Ranges, deadline: float) -> Decoded:
        """Decode an image file; blocks, and may be called by several threads.

        Args:
            content: The file.
            ranges: Numbers that are black and white in pictures of more than 8 bits per band.
            deadline: Time of `time.monotonic` after which no process is waited for.

        Returns:
            The pixels, and True at those without data; None where all have data.

        Raises:
            RequestError: 422 for a damaged file, 413 for too many pixels, 503 if no process was free in time.
        """
        for last in (False, False, True):
            try:
                worker = self._idle.get(timeout=max(deadline - time.monotonic(), 0.001))
            except queue.Empty:
                raise busy("no decoder was free in time; send the image again", retry_after=1) from None
            try:
                return worker.decode(content, max_pixels=self.max_pixels, ranges=ranges, seconds=self._seconds)
            except WorkerDiedError as death:
                worker = self._replaced(worker)
                if death.late or (last and not death.killed):
                    cause = "takes too long" if death.late else "ends its decoder"
                    line = f"the upload {cause}; the file may be damaged, replace or convert it"
                    raise RequestError(422, "not_decodable", line) from death
                if last:
                    raise busy("the decoders of this image were killed; send it again", retry_after=1) from death
            finally:
                self._idle.put(worker)
        raise AssertionError("unreachable")

    def pids(self) -> list[int]:
        """Process ids of the workers."""
        with self._lock:
            return [worker.pid for worker in self._all]

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.end()

    def _start(self) -> "_Worker":
        return _Worker(memory=SPARE_BYTES + BYTES_PER_PIXEL * self.max_pixels)

    def _replaced(self, worker: "_Worker") -> "_Worker":
        worker.end()
        self._metrics.count("atrous_decoder_restarts_total")
        with self._lock:
            self._all.discard(worker)
            fresh = self._start()
            if self._closed:
                fresh.end()
            self._all.add(fresh)
        return fresh


class WorkerDiedError(Exception):
    """A process that ended while it decoded.

    Args:
        late: True if it was ended because it took too long.
        killed: True if somebody else killed it (SIGKILL), which says nothing of the upload.
    """

    def __init__(self, *, late: bool, killed: bool) -> None:
        super().__init__("a decoding process ended")
        self.late, self.killed = late, killed


class _Worker:
    """One process of `decoding_worker.py`."""

    def __init__(self, *, memory: int) -> None:
        command = [sys.executable, "-m", "atrous.serving.decoding_worker", str(memory)]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **threads, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # an interrupt in the terminal is for the server, which drains first
        )
        self.pid = self._process.pid
        self._ready = False

    def decode(self, content: bytes, *, max_pixels: int, ranges: Ranges, seconds: float) -> Decoded:
        request = {"bytes": len(content), "max_pixels": max_pixels, "ranges": ranges}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.await_start()
        with self._time_limit(seconds) as expired:
            try:
                self._process.stdin.write(json.dumps(request).encode() + b"\n")
                self._process.stdin.write(content)
                self._process.stdin.flush()
                head: dict[str, Any] = json.loads(self._process.stdout.readline())
                body = self._process.stdout.read(head["bytes"])
            except (OSError, ValueError) as error:
                raise self._death(late=expired.is_set()) from error
        if len(body) != head["bytes"]:
            raise self._death(late=expired.is_set())
        if "error" in head:
            too_large = head.get("too_large", False)
            raise RequestError(
                413 if too_large else 422, "too_many_pixels" if too_large else "not_decodable", head["error"]
            )
        height, width, channels = head["shape"]
        array = np.frombuffer(body, np.uint8, count=height * width * channels).reshape(height, width, channels)
        if not head["missing"]:
            return array, None
        return array, np.frombuffer(body, np.bool_, offset=array.size).reshape(height, width)

    def await_start(self) -> None:
        """Block until the process takes requests; raises WorkerDiedError if it does not in time."""
        if self._ready:
            return
        assert self._process.stdout is not None
        with self._time_limit(START_SECONDS) as expired:
            self._ready = self._process.stdout.readline() == READY
        if not self._ready:
            raise self._death(late=expired.is_set())

    @contextlib.contextmanager
    def _time_limit(self, seconds: float) -> Iterator[threading.Event]:
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(seconds, expire)
        timer.daemon = True
        timer.start()
        try:
            yield expired
        finally:
            timer.cancel()

    def _death(self, *, late: bool) -> WorkerDiedError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        return WorkerDiedError(late=late, killed=not late and self._process.returncode == -signal.SIGKILL)

    def end(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # bytes that the process has not read
                    pipe.close()
        self._process.wait()
