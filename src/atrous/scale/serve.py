"""The HTTP service as a Ray Serve deployment: the same application in every replica, behind one address."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import ray
from fastapi import FastAPI
from ray import serve
from ray.serve.config import AutoscalingConfig, BackpressureConfig, HTTPOptions

from atrous.errors import InputError, reason
from atrous.inference.predictor import Predictor
from atrous.memory_limit import memory_limit
from atrous.serving.app import build_app
from atrous.serving.models import Models, ServedModel
from atrous.serving.service import Limits, Service
from atrous.weights.archive import Archive

APPLICATION = "atrous"
"""Name of the application in Ray Serve; deploying it anew replaces its replicas one after the other."""

_RETRY_SECONDS = 2
"""Seconds after which a refused request should be sent again: in those a replica computes several pictures."""

LoadModel = Callable[[], tuple[str, Archive | None, Predictor]]
"""Loads a model where it is called: name, weights (None for an exported file) and default predictor."""


@dataclass(frozen=True)
class Replicas:
    """Number and resources of the replicas.

    Attributes:
        least: Smallest number of replicas.
        most: Largest number; more are started while replicas have several requests each, and ended after ten minutes
            with fewer.
        on_gpu: If true, a replica has a GPU, else a processor.
    """

    least: int = 1
    most: int = 1
    on_gpu: bool = False

    def __post_init__(self) -> None:
        """Refuse impossible numbers; raises InputError."""
        if not 1 <= self.least <= self.most:
            raise InputError(f"--replicas {self.least} {self.most} is no range; give the smaller number, from 1, first")


@serve.ingress()
class ServedReplica:
    """A replica: models, decoders and queue of the HTTP service.

    Args:
        models: Load the models.
        digests: SHA-256 of the weights; other weights make another version of the deployment.
        limits: Limits of requests to this replica.
        token: Bearer token that requests must carry; None lets everybody in.
    """

    def __init__(
        self, models: Sequence[LoadModel], digests: Sequence[str | None], limits: Limits, token: str | None
    ) -> None:
        served = [ServedModel(*load()) for load in models]
        for model, digest in zip(served, digests, strict=True):
            if model.default.sha256 != digest:
                raise InputError(f"the weights of {model.name} differ between machines; give all the same files")
        self._service = Service(Models(served), limits)
        self._service.warm_up()
        self._token = token

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Return the application, which Ray Serve calls."""
        return build_app(self._service, token=self._token)

    def __del__(self) -> None:
        """End the decoders with the replica."""
        if hasattr(self, "_service"):
            self._service.close()


def deploy(
    models: Sequence[LoadModel],
    digests: Sequence[str | None],
    *,
    limits: Limits,
    replicas: Replicas,
    token: str | None = None,
) -> None:
    """Deploy the service, or replace what is deployed: new replicas answer before old ones end.

    A replica takes as many requests at a time as the service takes by itself. As many more wait in front of all
    replicas, and others get status 503 with `Retry-After`.

    Args:
        models: Load the models, in each replica.
        digests: SHA-256 of the weights, which tell new weights from those that are deployed.
        limits: Limits of requests to each replica.
        replicas: Number and resources of replicas.
        token: Bearer token that requests must carry.

    Raises:
        InputError: If the replicas do not start.
    """
    memory = limits.memory or min(memory_limit() // 2 // replicas.most, 2**32)
    settings = serve.deployment(
        name="service",
        max_ongoing_requests=limits.queue,
        max_queued_requests=limits.queue,
        backpressure_config=BackpressureConfig(status_code=503, retry_after_s=_RETRY_SECONDS),
        autoscaling_config=AutoscalingConfig(
            min_replicas=replicas.least,
            max_replicas=replicas.most,
            target_ongoing_requests=4,
            upscale_delay_s=10,
            downscale_delay_s=600,
        ),
        ray_actor_options={"num_cpus": int(not replicas.on_gpu), "num_gpus": int(replicas.on_gpu)},
        graceful_shutdown_timeout_s=limits.deadline,
        max_surge_percent=100,  # new replicas start beside the old ones
        max_constructor_retry_count=2,
    )
    application = settings(ServedReplica).bind(list(models), list(digests), replace(limits, memory=memory), token)
    try:
        serve.run(application, name=APPLICATION, route_prefix="/")
    except RuntimeError as error:
        raise InputError(f"the replicas of the service did not start: {reason(error)}") from error


def listen(host: str, port: int) -> str:
    """Listen at an address on every machine of the cluster; returns it.

    Raises:
        InputError: If Ray Serve listens at another address already, or cannot listen there.
    """
    if port <= 0 or port > 65535:
        raise InputError(f"--port {port} is no port that all machines have; choose 1 to 65535")
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    try:
        serve.start(proxy_location="EveryNode", http_options=HTTPOptions(host=host, port=port))
    except (RuntimeError, ValueError, OSError) as error:
        raise InputError(f"cannot listen at {host}:{port}: {reason(error)}; choose another --host or --port") from error
    return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"


def end() -> None:
    """Answer what has been accepted, and end the service."""
    serve.shutdown()


def one_per_processor(processors: int, *, on_gpu: bool) -> int:
    """Number of replicas that compute at a time: GPUs of the cluster if they compute on GPUs, else its processors."""
    return max(int(ray.cluster_resources().get("GPU", 0)), 1) if on_gpu else processors
