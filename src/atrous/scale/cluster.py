"""A Ray cluster: the one that `RAY_ADDRESS` names, or one of this machine alone that ends with the work."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from atrous.errors import InputError, reason

_HELPERS = 2
"""Logical processors for Ray's own tasks, which read numbers and write rows: they hardly compute."""


@contextmanager
def cluster() -> Iterator[int]:
    """Connect to a cluster, or start one; yields its number of processors.

    A cluster that this process is connected to is used and left as it is.

    Raises:
        InputError: If the cluster of `RAY_ADDRESS` does not answer.
    """
    if ray.is_initialized():
        yield _processors()
        return
    address = os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anybody
    settings = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    try:
        if address:
            ray.init(address, **settings)
        else:
            ray.init(
                "local",
                num_cpus=_local_processors() + _HELPERS,
                include_dashboard=False,
                # Workers of a machine of its own need not give way to its other programs.
                _system_config={"worker_niceness": 0},
                **settings,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"the Ray cluster at {address}" if address else "a Ray cluster on this machine"
        raise InputError(f"cannot use {where}: {reason(error)}; check RAY_ADDRESS") from error
    try:
        yield _processors()
    finally:
        ray.shutdown()


def _processors() -> int:
    total = int(ray.cluster_resources().get("CPU", 1))
    return max(total - _HELPERS, 1)


def _local_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
