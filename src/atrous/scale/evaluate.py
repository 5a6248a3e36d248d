"""Evaluation on many machines by Ray: every worker counts pixels of some images, and the counts add up."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, cast

import ray
from ray.exceptions import RayError
from ray.util import ActorPool

from atrous.data.dataset import DataSet
from atrous.errors import InputError
from atrous.evaluation.evaluate import (
    OnProgress,
    PartialEvaluation,
    evaluate_part,
    gallery_indices,
    prepared,
)
from atrous.evaluation.report import Report
from atrous.inference.predictor import Predictor
from atrous.scale.cluster import cluster

PART = 32
"""Images that a worker counts at a time."""


def evaluate_on_cluster(
    make_predictor: Callable[[], Predictor],
    dataset: DataSet,
    *,
    workers: int | None = None,
    keep_worst: int = 4,
    gallery: int = 0,
    on_progress: OnProgress | None = None,
) -> Report:
    """Evaluate as `evaluation.evaluate` does, with the same numbers: counts are integers, which add up exactly.

    Images of a worker that dies are counted again by another one.

    Args:
        make_predictor: Builds the predictor, here and in every worker.
        dataset: Labelled samples in folders that all machines see.
        workers: Number of workers; by default one for each processor of the cluster.
        keep_worst: Number of images, those with the largest shares of wrong pixels, that the report shows.
        gallery: Largest number of images that the report's page shows in a gallery.
        on_progress: Called after every part with (images done, images in all).

    Raises:
        InputError: As `evaluation.evaluate`.
    """
    predictor = make_predictor()
    dataset, space = prepared(predictor, dataset)
    chosen = gallery_indices(len(dataset), gallery)
    ranges = [range(first, min(first + PART, len(dataset))) for first in range(0, len(dataset), PART)]
    gpus = 1 if predictor.device.type == "cuda" else 0
    with cluster() as processors:
        work = ray.put((make_predictor, dataset, {"space": space, "keep_worst": keep_worst, "chosen": chosen}))
        worker = ray.remote(_Worker).options(num_cpus=1 - gpus, num_gpus=gpus, max_restarts=-1, max_task_retries=-1)
        number = min(workers or processors, len(ranges))
        pool = ActorPool([worker.remote(work) for _ in range(number)])
        parts = list[PartialEvaluation]()
        try:
            for found in pool.map(lambda actor, indices: actor.part.remote(indices), ranges):
                parts.append(cast(PartialEvaluation, found))
                if on_progress:
                    on_progress(sum(len(part.images) for part in parts), len(dataset))
        except RayError as error:
            cause = getattr(error, "cause", None)
            if isinstance(cause, InputError):
                raise InputError(str(cause)) from error
            line = "".join(str(cause or error).strip().splitlines()[-1:])
            raise InputError(f"the evaluation ended early: {line}") from error
    whole = reduce(lambda done, following: done.joined(following, keep_worst=keep_worst), parts)
    return whole.report(predictor, dataset, space=space)


class _Worker:
    """A process with one model, which counts parts of a data set."""

    def __init__(self, work: tuple[Callable[[], Predictor], DataSet, dict[str, Any]]) -> None:
        make_predictor, self._dataset, self._settings = work
        self._predictor = make_predictor()

    def part(self, indices: Sequence[int]) -> PartialEvaluation:
        """Count the pixels of some images."""
        return evaluate_part(self._predictor, self._dataset, indices, **self._settings)
