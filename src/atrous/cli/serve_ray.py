"""`atrous serve --ray`: the HTTP service on many machines."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from atrous.errors import InputError
from atrous.extras import require
from atrous.inference.predictor import Predictor
from atrous.serving.service import Limits
from atrous.weights.archive import Archive

LoadServed = Callable[[str], tuple[str, Archive | None, Predictor]]
"""Loads one model of the command line: name, weights and default predictor."""


@dataclass(frozen=True)
class RayOptions:
    """The service on Ray Serve."""

    ray: bool = False
    """Serve from the Ray cluster that RAY_ADDRESS names, or else from several processes of this machine (needs the
    extra `ray`). On a cluster the command ends and the service stays; given again, it replaces the weights without a
    refused request. On this machine SIGHUP does that."""
    replicas: Annotated[tuple[int, int] | None, tyro.conf.arg(metavar="LEAST MOST")] = None
    """With --ray: smallest and largest number of processes that answer, each with all models. None: from 1 to one for
    each processor, or GPU."""

    def check_unused(self) -> None:
        """Raise InputError if options of Ray are given without --ray."""
        if self.replicas is not None:
            raise InputError("--replicas is an option of --ray; add it, or leave this one out")


@dataclass(frozen=True)
class _Loader:
    """Loads a model in a replica, where relative paths mean what they mean to the command."""

    source: str
    load: LoadServed
    folder: Path

    def __call__(self) -> tuple[str, Archive | None, Predictor]:
        if self.folder.is_dir():
            os.chdir(self.folder)
        return self.load(self.source)


def serve_on_ray(
    sources: Sequence[str],
    options: RayOptions,
    limits: Limits,
    *,
    load: LoadServed,
    host: str,
    port: int,
    token: str | None,
    on_gpu: bool,
) -> int:
    """Deploy the service; on this machine alone until a signal; returns 0.

    Args:
        sources: Models as the command line names them.
        options: Options of Ray.
        limits: Limits of requests to each replica.
        load: Loads a model; it is called here, to find what is wrong, and in every replica.
        host: Address to listen at.
        port: Port to listen at.
        token: Bearer token that requests must carry.
        on_gpu: If true, every replica has a GPU.
    """
    for module in ("ray.serve", "fsspec"):
        require(module, extra="ray", purpose="atrous serve --ray")
    # Only now: these import what the extra installs.
    from atrous.scale.cluster import cluster
    from atrous.scale.serve import Replicas, deploy, end, listen, one_per_processor
    from atrous.serving.models import Models, ServedModel

    folder, stays = Path.cwd(), "RAY_ADDRESS" in os.environ
    loaders = [_Loader(source, load, folder) for source in sources]

    def update(replicas: Replicas) -> Models:
        models = Models([ServedModel(*loader()) for loader in loaders])
        digests = [model.default.sha256 for model in models]
        deploy(loaders, digests, limits=limits, replicas=replicas, token=token)
        return models

    with cluster() as processors, _signals() as received:
        replicas = Replicas(*(options.replicas or (1, one_per_processor(processors, on_gpu=on_gpu))), on_gpu=on_gpu)
        address = listen(host, port)
        models = update(replicas)
        for model in models:
            print(f"model    {model.name} ({len(model.default.labels)} classes, {model.default.precision})")
        print(f"page     {address}/")
        print(f"replicas {replicas.least} to {replicas.most}", flush=True)
        if stays:
            return 0
        while received.wait() == signal.SIGHUP:
            try:
                update(replicas)
                print("weights  replaced", flush=True)
            except InputError as error:
                print(f"weights  kept: {error}", flush=True)
        end()
    return 0


class _Signals:
    """Signals that have come and are not answered yet."""

    def __init__(self) -> None:
        self._numbers, self._come = list[int](), threading.Event()

    def add(self, number: int, _frame: object) -> None:
        self._numbers.append(number)
        self._come.set()

    def wait(self) -> int:
        """Wait for a signal; returns its number."""
        while not self._numbers:
            self._come.wait(1.0)
        self._come.clear()
        return self._numbers.pop(0)


@contextmanager
def _signals() -> Iterator[_Signals]:
    """Collect interrupts, termination and hang-ups while the context is open."""
    received = _Signals()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, received.add) for number in numbers}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
